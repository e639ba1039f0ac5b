import { existsSync } from 'node:fs'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectKafka } from '../../../infra/kafka/kafka.ts'
import { type LocalCluster, startJarCluster } from '../../../infra/local-kafka/jar-cluster.ts'
import type { LocalKafka } from '../../../infra/local-kafka/local-kafka.ts'
import { answers } from '../../../infra/local-kafka/readiness.ts'
import { readAll, text, write } from '../../support/kafka-log.ts'
import { QUICK_JVM } from '../../support/quick-jvm.ts'
import { commitInTransaction } from './commit-in-transaction.ts'
import { topicMetadata } from './topic-metadata.ts'

/** A broker names the replica that is in the reader's rack. */
const RACK_AWARE = { 'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector' }

let cluster: LocalCluster
let kafka: Kafka

beforeAll(async () => {
  cluster = await startJarCluster({ brokers: 3, jvmOptions: QUICK_JVM, properties: RACK_AWARE })
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

it('a reader with client.rack reads from the replica in its rack, and goes on there while the leader is silent', async () => {
  const admin = kafka.admin()
  await admin.connect()
  const topic = 'near'
  // Broker 1 leads, broker 2 follows.
  const replicaAssignment = [{ partition: 0, replicas: [1, 2] }]
  await admin.createTopics({ topics: [{ topic, replicaAssignment }], waitForLeaders: false })
  await topicMetadata(admin, [topic])
  await admin.disconnect()
  const client = connectKafka({ brokers: cluster.bootstrap.split(','), clientId: 'near', rack: 'rack-2' })
  const writer = client.writer({ transactionalId: null, maxBatchBytes: 20_000 })
  await writer.init()
  await write(
    writer,
    Array.from({ length: 400 }, (_, i) => ({ topic, partition: 0, key: String(i), value: 'x'.repeat(5000) })),
  )
  // The follower knows by now that all of it is committed.
  expect(await readAll(client, topic, [400])).toMatchObject([{ length: 400 }])
  const reader = client.reader({ fetchMaxBytes: 50_000, partitionMaxBytes: 50_000 })
  reader.assign({ topic, partition: 0 }, 0)
  const keys: (string | null)[] = []
  const poll = async () => {
    for (const { records } of await reader.poll(1000)) keys.push(...records.map(({ key }) => text(key)))
  }
  while (keys.length === 0) await poll()
  const leader = cluster.brokers[0]?.pid ?? 0
  process.kill(leader, 'SIGSTOP')
  try {
    expect(keys.length).toBeLessThan(400)
    while (keys.length < 400) await poll()
  } finally {
    process.kill(leader, 'SIGCONT')
  }
  expect(keys).toEqual(Array.from({ length: 400 }, (_, i) => String(i)))
  await client.close()
})

it('stopping the cluster ends all brokers and removes their data', async () => {
  await cluster.stop()
  for (const { dataDir, bootstrap } of cluster.brokers) {
    expect(await answers('127.0.0.1', Number(bootstrap.split(':')[1]))).toBe(false)
    expect(existsSync(dataDir)).toBe(false)
  }
})
