import { startDockerBroker } from './docker-broker.ts'
import { LocalKafkaError, NoKafkaError } from './errors.ts'
import { startJarBroker } from './jar-broker.ts'
import type { LocalKafka, LocalKafkaOptions } from './local-kafka.ts'
import { isFree } from './readiness.ts'
import { dockerRuns, findJava } from './tools.ts'

/** A Kafka to use: the one that was given, or one of our own. */
export type ResolvedKafka =
  | { readonly bootstrap: string; readonly local: null }
  | { readonly bootstrap: string; readonly local: LocalKafka }

/**
 * Starts a Kafka on this machine: the cp-kafka image when a Docker engine runs, else Apache Kafka from jars.
 * A given `kafkaVersion` asks for the jars. Throws NoKafkaError, LocalKafkaError.
 */
export async function startLocalKafka(options: LocalKafkaOptions = {}): Promise<LocalKafka> {
  if (options.port !== undefined && !(await isFree(options.port))) {
    throw new LocalKafkaError(`port ${options.port} of 127.0.0.1 is in use: Kafka cannot listen on it`)
  }
  if (options.kafkaVersion === undefined && (await dockerRuns())) return startDockerBroker(options)
  if ((await findJava()) === null) throw new NoKafkaError('no Docker engine runs and Java 17 or newer was not found')
  return startJarBroker(options)
}

/** KAFKA_BROKERS if it is set, else startLocalKafka. */
export async function resolveKafka(
  env: Readonly<Record<string, string | undefined>>,
  options: LocalKafkaOptions = {},
): Promise<ResolvedKafka> {
  const given = env.KAFKA_BROKERS?.trim()
  if (given) return { bootstrap: given, local: null }
  const local = await startLocalKafka(options)
  return { bootstrap: local.bootstrap, local }
}
