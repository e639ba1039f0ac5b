import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { inject } from 'vitest'
import { startJarBroker } from '../../infra/local-kafka/jar-broker.ts'
import type { LocalKafka, LocalKafkaOptions } from '../../infra/local-kafka/local-kafka.ts'
import { startLocalKafka } from '../../infra/local-kafka/resolve.ts'

/** The broker shared by all test files of this run, started at the first call. Never stop or kill it. */
export async function kafkaForTests(): Promise<{ readonly bootstrap: string }> {
  const answer: unknown = JSON.parse(await text(connect({ host: '127.0.0.1', port: inject('kafkaDesk') })))
  const { bootstrap, error } = answer as { bootstrap?: string; error?: string }
  if (bootstrap === undefined) throw new Error(`no broker for the tests: ${error}`)
  return { bootstrap }
}

/** A broker of the test's own, to kill and restart. The caller stops it. `kafkaVersion` asks for the jars. */
export function startOwnKafka(options: LocalKafkaOptions = {}): Promise<LocalKafka> {
  return options.kafkaVersion ? startJarBroker(options) : startLocalKafka(options)
}

/** A name no other test uses: topics, groups and transactional ids of tests share one broker. */
export function uniqueName(prefix = 't'): string {
  return `${prefix}-${randomBytes(5).toString('hex')}`
}
