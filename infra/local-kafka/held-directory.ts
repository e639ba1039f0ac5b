import { join, resolve } from 'node:path'
import { LocalKafkaError } from './errors.ts'
import type { LocalKafka, LocalKafkaOptions } from './local-kafka.ts'
import { holderOf, ProcessLock } from './process-lock.ts'

/** Lets other processes start a broker on the data directory again. */
export type Release = () => Promise<void>

/**
 * Starts a broker while other processes are kept from its data directory: two brokers on one destroy it. A detached broker holds it
 * while it starts, any other one until it calls `release`.
 * @throws LocalKafkaError at once when another process holds the directory
 */
export async function startHeld(
  { dataDir, detached }: LocalKafkaOptions,
  start: (release: Release) => Promise<LocalKafka>,
): Promise<LocalKafka> {
  const held = dataDir === undefined ? null : await holdDataDirectory(dataDir)
  const release = async (): Promise<void> => held?.release()
  try {
    const kafka = await start(release)
    if (detached) await release()
    return kafka
  } catch (error) {
    await release()
    throw error
  }
}

/** @throws LocalKafkaError at once when another process holds the directory */
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
