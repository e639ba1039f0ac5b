import { DEFAULT_KAFKA_VERSION, type LocalKafka, type LocalKafkaOptions } from '../../infra/local-kafka/local-kafka.ts'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { startOwnKafka } from './kafka.ts'
import { KafkaProxy } from './kafka-proxy.ts'

export interface ProxiedKafka {
  readonly broker: LocalKafka
  readonly proxy: KafkaProxy
  /** The proxy's address, which the broker announces. */
  readonly bootstrap: string
}

/** Starts the test's own broker behind a proxy, so that all connections can be broken at will. The caller closes both. */
export async function startProxiedKafka(
  options: Omit<LocalKafkaOptions, 'port' | 'properties'> = {},
): Promise<ProxiedKafka> {
  const [port = 0, proxyPort = 0] = await freePorts(2)
  const bootstrap = `127.0.0.1:${proxyPort}`
  const proxy = new KafkaProxy(port)
  await proxy.listen(proxyPort)
  const properties = { 'advertised.listeners': `PLAINTEXT://${bootstrap}` }
  const broker = await startOwnKafka({ kafkaVersion: DEFAULT_KAFKA_VERSION, ...options, port, properties })
  return { broker, proxy, bootstrap }
}
