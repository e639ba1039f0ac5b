import { existsSync } from 'node:fs'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LocalCluster, startJarCluster } from '../../../infra/local-kafka/jar-cluster.ts'
import type { LocalKafka } from '../../../infra/local-kafka/local-kafka.ts'
import { answers } from '../../../infra/local-kafka/readiness.ts'
import { QUICK_JVM } from '../../support/quick-jvm.ts'
import { commitInTransaction } from './commit-in-transaction.ts'
import { topicMetadata } from './topic-metadata.ts'

let cluster: LocalCluster
let kafka: Kafka

beforeAll(async () => {
  cluster = await startJarCluster({ brokers: 3, jvmOptions: QUICK_JVM })
  kafka = new Kafka({
    brokers: cluster.bootstrap.split(','),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 10 },
  })
})

afterAll(async () => {
  await cluster?.stop()
})

it('the cluster keeps three replicas of everything, and commits transactions while one broker is gone', async () => {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'cluster', numPartitions: 3 }], waitForLeaders: false })
  await topicMetadata(admin, ['cluster'])
  await commitInTransaction(kafka, 'cluster')
  const internal = ['__consumer_offsets', '__transaction_state', 'cluster']
  const topics = await topicMetadata(admin, internal)
  for (const { name, partitions } of topics) {
    for (const { replicas } of partitions) expect([name, [...replicas].sort()]).toEqual([name, [1, 2, 3]])
  }
  const [broker] = cluster.brokers as [LocalKafka]
  await broker.kill()
  expect(await answers('127.0.0.1', Number(broker.bootstrap.split(':')[1]))).toBe(false)
  await commitInTransaction(kafka, 'cluster')
  await broker.restart()
  // It has what the others have: the next one may go.
  for (let inSync = false; !inSync; ) {
    const metadata = await topicMetadata(admin, internal)
    inSync = metadata.every(({ partitions }) => partitions.every(({ isr }) => isr.length === 3))
  }
  await admin.disconnect()
})

it('stopping the cluster ends all brokers and removes their data', async () => {
  await cluster.stop()
  for (const { dataDir, bootstrap } of cluster.brokers) {
    expect(await answers('127.0.0.1', Number(bootstrap.split(':')[1]))).toBe(false)
    expect(existsSync(dataDir)).toBe(false)
  }
})
