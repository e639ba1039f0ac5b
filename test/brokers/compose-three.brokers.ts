import { Kafka, logLevel } from 'kafkajs'
import { expect, it } from 'vitest'
import { KAFKA_IMAGE } from '../../infra/local-kafka/docker-broker.ts'
import type { LocalKafka } from '../../infra/local-kafka/local-kafka.ts'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { commitInTransaction } from '../infra/local-kafka/commit-in-transaction.ts'
import { composeServices, propertiesOfImage } from '../infra/local-kafka/compose-services.ts'
import { topicMetadata } from '../infra/local-kafka/topic-metadata.ts'
import { startOwnKafka } from '../support/kafka.ts'

const NAMES: readonly string[] = ['kafka-1', 'kafka-2', 'kafka-3']

/** Only addresses and directories differ from the containers, which have a host name each. */
async function bootJars(): Promise<LocalKafka[]> {
  const services = await composeServices()
  const ports = await freePorts(3 * NAMES.length)
  const own = (name: string) => {
    const at = 3 * NAMES.indexOf(name)
    return { host: ports[at] ?? 0, internal: ports[at + 1] ?? 0, controller: ports[at + 2] ?? 0 }
  }
  return Promise.all(
    NAMES.map((name) => {
      const service = services[name]
      expect(service).toMatchObject({ image: KAFKA_IMAGE, profiles: ['three'] })
      const properties = propertiesOfImage(service?.environment ?? {})
      const { host, internal, controller } = own(name)
      const here = (text = '') =>
        text
          .replace(/:1909\d/, `:${host}`)
          .replace(/:29092/, `:${internal}`)
          .replace('CONTROLLER://0.0.0.0:9093', `CONTROLLER://127.0.0.1:${controller}`)
          .replaceAll('0.0.0.0', '127.0.0.1')
          .replaceAll(`${name}:`, '127.0.0.1:')
      const voters = properties['controller.quorum.voters'] ?? ''
      return startOwnKafka({
        kafkaVersion: '4.0.1',
        heapMb: 384,
        port: host,
        onlyTheseProperties: {
          ...properties,
          listeners: here(properties.listeners),
          'advertised.listeners': here(properties['advertised.listeners']),
          'controller.quorum.voters': voters.replace(
            /(kafka-\d):9093/g,
            (_, one) => `127.0.0.1:${own(one).controller}`,
          ),
        },
      })
    }),
  )
}

it('three brokers boot with the settings of docker-compose.yaml, and commit transactions after one is lost', async () => {
  const brokers = await bootJars()
  try {
    const kafka = new Kafka({
      brokers: brokers.map(({ bootstrap }) => bootstrap),
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 10 },
    })
    const admin = kafka.admin()
    await admin.connect()
    const topic = 'compose-three'
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: false })
    await topicMetadata(admin, [topic])
    await commitInTransaction(kafka, topic)
    const topics = await topicMetadata(admin, [topic, '__transaction_state'])
    for (const { partitions } of topics) for (const { replicas } of partitions) expect(replicas).toHaveLength(3)
    await admin.disconnect()
    await brokers[0]?.kill()
    await commitInTransaction(kafka, topic)
  } finally {
    await Promise.all(brokers.map((broker) => broker.stop()))
  }
})
