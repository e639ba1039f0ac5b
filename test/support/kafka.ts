import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { inject } from 'vitest'
import { startJarBroker } from '../../infra/local-kafka/jar-broker.ts'
import type { LocalKafka, LocalKafkaOptions } from '../../infra/local-kafka/local-kafka.ts'
import { startLocalKafka } from '../../infra/local-kafka/resolve.ts'
import { QUICK_JVM } from './quick-jvm.ts'

/** The broker shared by all test files of this run, started at the first call. Never stop or kill it. */
export async function kafkaForTests(): Promise<{ readonly bootstrap: string }> {
  const { socket, bootstrap } = await ask('share')
  socket.destroy()
  return { bootstrap }
}

export interface BorrowedKafka extends Pick<LocalKafka, 'bootstrap' | 'dataDir' | 'stop'> {
  /** A port of its own whose clients are sent on to `proxyPort`, where nobody listens until somebody starts a proxy. */
  readonly proxiedPort: number
  readonly proxyPort: number
}

/**
 * A broker without topics that is this file's alone until `stop()` gives it back: for tests whose topics have fixed names. The next
 * file gets the same one. Never kill it.
 */
export async function borrowKafka(): Promise<BorrowedKafka> {
  const { socket, ...borrowed } = await ask('borrow')
  return {
    ...borrowed,
    stop: async () => {
      if (!socket.destroyed) await Promise.all([once(socket, 'close'), socket.end()])
    },
  }
}

async function ask(what: 'share' | 'borrow'): Promise<Omit<BorrowedKafka, 'stop'> & { readonly socket: Socket }> {
  const socket = connect({ host: '127.0.0.1', port: inject('kafkaDesk') })
  socket.write(what)
  const [text] = (await once(socket, 'data')) as [Buffer]
  const answer = JSON.parse(String(text)) as Partial<BorrowedKafka> & { readonly error?: string }
  const { bootstrap, dataDir = '', proxiedPort = 0, proxyPort = 0, error } = answer
  if (bootstrap === undefined) throw new Error(`no broker for the tests: ${error}`)
  return { socket, bootstrap, dataDir, proxiedPort, proxyPort }
}

/** A broker of the test's own, to kill, or with other properties. The caller stops it. `kafkaVersion` asks for the jars. */
export function startOwnKafka(options: LocalKafkaOptions = {}): Promise<LocalKafka> {
  const quick = { ...options, jvmOptions: [...QUICK_JVM, ...(options.jvmOptions ?? [])] }
  return options.kafkaVersion ? startJarBroker(quick) : startLocalKafka(quick)
}

/** A name no other test uses: topics, groups and transactional ids of tests share one broker. */
export function uniqueName(prefix = 't'): string {
  return `${prefix}-${randomBytes(5).toString('hex')}`
}
