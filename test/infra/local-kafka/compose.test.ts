import { Kafka, logLevel } from 'kafkajs'
import { GenericContainer, Wait } from 'testcontainers'
import { expect, it } from 'vitest'
import { KAFKA_IMAGE } from '../../../infra/local-kafka/docker-broker.ts'
import { freePorts } from '../../../infra/local-kafka/readiness.ts'
import { findJava } from '../../../infra/local-kafka/tools.ts'
import { startOwnKafka } from '../../support/kafka.ts'
import { composeServices, propertiesOfImage, type Service } from './compose-services.ts'

async function kafkaService(): Promise<Service> {
  const services = await composeServices()
  const published = Object.values(services).flatMap(({ ports }) => ports ?? [])
  expect(published.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([])
  return services.kafka as Service
}

interface Booted {
  readonly bootstrap: string
  stop(): Promise<unknown>
}

/** Only addresses and directory differ from the container: this machine may have other brokers. */
async function bootJars(fromCompose: Readonly<Record<string, string>>): Promise<Booted> {
  const [port = 0, internal = 0, controller = 0] = await freePorts(3)
  const here = (text = '') =>
    text
      .replaceAll('0.0.0.0', '127.0.0.1')
      .replaceAll('kafka:', '127.0.0.1:')
      .replaceAll(':9092', `:${port}`)
      .replaceAll(':29092', `:${internal}`)
      .replaceAll(':9093', `:${controller}`)
  return startOwnKafka({
    kafkaVersion: '4.0.1',
    port,
    onlyTheseProperties: {
      ...fromCompose,
      listeners: here(fromCompose.listeners),
      'advertised.listeners': here(fromCompose['advertised.listeners']),
      'controller.quorum.voters': here(fromCompose['controller.quorum.voters']),
    },
  })
}

/** A machine without Java has a Docker engine: there the image itself runs, under its own name for itself. */
async function bootImage({ image, environment }: Service): Promise<Booted> {
  const [port = 0] = await freePorts(1)
  const advertised = `HOST://127.0.0.1:${port},INTERNAL://localhost:29092`
  const text = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]))
  const container = await new GenericContainer(image)
    .withEnvironment({ ...text, KAFKA_ADVERTISED_LISTENERS: advertised })
    .withExposedPorts({ container: 9092, host: port })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .start()
  return { bootstrap: `127.0.0.1:${port}`, stop: () => container.stop() }
}

it('the Kafka of the image boots with the settings of docker-compose.yaml, and commits transactions', async () => {
  const service = await kafkaService()
  expect(service.image).toBe(KAFKA_IMAGE)
  const fromCompose = propertiesOfImage(service.environment)
  expect(fromCompose).toMatchObject({
    'controller.listener.names': 'CONTROLLER',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
  })
  const broker = (await findJava()) === null ? await bootImage(service) : await bootJars(fromCompose)
  try {
    const kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING })
    const topic = 'compose'
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true })
    await admin.disconnect()

    const producer = kafka.producer({ transactionalId: 'compose', idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ key: 'k', value: 'in a transaction' }] })
    await transaction.commit()
    await producer.disconnect()

    const consumer = kafka.consumer({ groupId: 'compose', readUncommitted: false })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const value = await new Promise((resolve, reject) => {
      const eachMessage = async ({ message }: { message: { value: Buffer | null } }) =>
        resolve(message.value?.toString())
      consumer.run({ eachMessage }).catch(reject)
    })
    await consumer.disconnect()
    expect(value).toBe('in a transaction')
  } finally {
    await broker.stop()
  }
})
