import { join, resolve } from 'node:path'
import { LocalKafkaError } from './errors.ts'
import { holderOf, ProcessLock } from './process-lock.ts'

/**
 * Keeps other processes from starting a broker on that data directory: two brokers on one destroy it.
 * @throws LocalKafkaError at once when another process holds it
 */
export async function holdDataDirectory(dataDir: string): Promise<ProcessLock> {
  const path = join(resolve(dataDir), 'lock')
  const lock = await ProcessLock.take(path)
  if (lock !== null) return lock
  const holder = await holderOf(path)
  const who = holder === null ? 'another process' : `process ${holder.pid}`
  throw new LocalKafkaError(
    `${who} runs a Kafka on ${resolve(dataDir)}, or starts one: stop it, or choose another place`,
  )
}
