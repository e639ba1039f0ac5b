import { existsSync } from 'node:fs'
import { Kafka, KafkaJSError, logLevel, Partitioners } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LocalCluster, startJarCluster } from '../../../infra/local-kafka/jar-cluster.ts'
import type { LocalKafka } from '../../../infra/local-kafka/local-kafka.ts'
import { answers } from '../../../infra/local-kafka/readiness.ts'

let cluster: LocalCluster
let kafka: Kafka

beforeAll(async () => {
  cluster = await startJarCluster({ brokers: 3 })
  kafka = new Kafka({
    brokers: cluster.bootstrap.split(','),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 10 },
  })
})

afterAll(async () => {
  await cluster?.stop()
})

/** kafkajs gives up where it should ask for the new leader or coordinator; the test's time limit is the limit. */
async function commitInTransaction(value: string): Promise<void> {
  while (!(await tryToCommit(value))) await new Promise((resolve) => setTimeout(resolve, 100))
}

async function tryToCommit(value: string): Promise<boolean> {
  const producer = kafka.producer({
    transactionalId: 'cluster',
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  try {
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic: 'cluster', messages: [0, 1, 2].map((partition) => ({ value, partition })) })
    await transaction.sendOffsets({
      consumerGroupId: 'cluster',
      topics: [{ topic: 'cluster', partitions: [{ partition: 0, offset: '1' }] }],
    })
    await transaction.commit()
    return true
  } catch (error) {
    if (error instanceof KafkaJSError) return false
    throw error
  } finally {
    await producer.disconnect()
  }
}

it('keeps three replicas of everything, and takes transactions while one broker is gone', async () => {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'cluster', numPartitions: 3 }], waitForLeaders: true })
  await commitInTransaction('all are there')
  const internal = ['__consumer_offsets', '__transaction_state', 'cluster']
  const { topics } = await admin.fetchTopicMetadata({ topics: internal })
  for (const { name, partitions } of topics) {
    for (const { replicas } of partitions) expect([name, [...replicas].sort()]).toEqual([name, [1, 2, 3]])
  }
  const [broker] = cluster.brokers as [LocalKafka]
  await broker.kill()
  expect(await answers('127.0.0.1', Number(broker.bootstrap.split(':')[1]))).toBe(false)
  await commitInTransaction('one is gone')
  await broker.restart()
  // It has what the others have: the next one may go.
  for (let inSync = false; !inSync; ) {
    const metadata = await admin.fetchTopicMetadata({ topics: internal })
    inSync = metadata.topics.every(({ partitions }) => partitions.every(({ isr }) => isr.length === 3))
  }
  await admin.disconnect()
}, 120_000)

it('ends all brokers and removes their data', async () => {
  await cluster.stop()
  for (const { dataDir, bootstrap } of cluster.brokers) {
    expect(await answers('127.0.0.1', Number(bootstrap.split(':')[1]))).toBe(false)
    expect(existsSync(dataDir)).toBe(false)
  }
})
