import { DEFAULT_KAFKA_VERSION, type LocalKafka, type LocalKafkaOptions } from '../../infra/local-kafka/local-kafka.ts'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { type BorrowedKafka, borrowKafka, startOwnKafka } from './kafka.ts'
import { KafkaProxy } from './kafka-proxy.ts'

export interface ProxiedKafka<Broker = BorrowedKafka> {
  readonly broker: Broker
  readonly proxy: KafkaProxy
  /** The proxy's address, which the broker announces. */
  readonly bootstrap: string
}

/** Borrows a broker and puts a proxy before it, so that all connections can be broken at will. The caller closes both. */
export async function borrowProxiedKafka(): Promise<ProxiedKafka> {
  const broker = await borrowKafka()
  const proxy = new KafkaProxy(broker.proxiedPort)
  await proxy.listen(broker.proxyPort)
  return { broker, proxy, bootstrap: `127.0.0.1:${broker.proxyPort}` }
}

/** The same with a broker of the test's own. */
export async function startProxiedKafka(
  options: Omit<LocalKafkaOptions, 'port' | 'properties'>,
): Promise<ProxiedKafka<LocalKafka>> {
  const [port = 0, proxyPort = 0] = await freePorts(2)
  const bootstrap = `127.0.0.1:${proxyPort}`
  const proxy = new KafkaProxy(port)
  await proxy.listen(proxyPort)
  const properties = { 'advertised.listeners': `PLAINTEXT://${bootstrap}` }
  const broker = await startOwnKafka({ kafkaVersion: DEFAULT_KAFKA_VERSION, ...options, port, properties })
  return { broker, proxy, bootstrap }
}
