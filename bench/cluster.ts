import { createRideTopics } from '../app/topics/create-topics.ts'
import { connectKafka, type KafkaCluster } from '../infra/kafka/kafka.ts'
import { startJarBroker } from '../infra/local-kafka/jar-broker.ts'
import type { LocalKafka } from '../infra/local-kafka/local-kafka.ts'
import { EVENT_TYPES } from '../processors/events/schemas.ts'
import { partitionForKey } from '../runtime/task/partitioner.ts'
import { NO_HEADERS } from '../state/ports/headers.ts'
import { type LoadRecord, load } from './load.ts'

const RECORDS_PER_BATCH = 5000

/** A broker of the benchmark's own, with the input already in it. */
export interface BenchCluster {
  readonly bootstrap: string
  readonly broker: LocalKafka
  readonly kafka: KafkaCluster
  readonly brokerPid: number
  /** Creates output and dead letter topics for one more application. */
  createTopicsFor(applicationId: string): Promise<void>
  /** Appends records by key, as a producer of the input does. */
  send(records: readonly LoadRecord[]): Promise<void>
  stop(): Promise<void>
}

export interface BenchClusterOptions {
  readonly onProgress?: (done: number) => void
  /** Properties of the broker, which override the local broker's. */
  readonly properties?: Readonly<Record<string, string>>
}

/** Starts a broker and loads so many events into it. */
export async function startBenchCluster(
  events: number,
  { onProgress, properties = {} }: BenchClusterOptions = {},
): Promise<BenchCluster> {
  const broker: LocalKafka = await startJarBroker({ properties })
  const kafka = connectKafka({ brokers: [broker.bootstrap], clientId: 'bench' })
  const createTopicsFor = async (applicationId: string): Promise<void> => {
    await createRideTopics(kafka.admin(), { applicationId, outputRetentionMs: -1, keepForever: true })
  }
  await createTopicsFor('bench')
  const described = await kafka.admin().describeTopics(EVENT_TYPES)
  const writer = kafka.writer({ transactionalId: null })
  await writer.init()
  const send = async (records: readonly LoadRecord[]): Promise<void> => {
    const batch = writer.newBatch()
    for (const { topic, key, value, timestamp } of records) {
      const partition = partitionForKey(key, described.get(topic)?.partitions ?? 1)
      batch.append(topic, partition, key, value, timestamp, NO_HEADERS)
    }
    await writer.commit({ batch, offsets: [], group: () => null })
  }
  let waiting: LoadRecord[] = []
  let done = 0
  for (const record of load(events)) {
    waiting.push(record)
    if (waiting.length < RECORDS_PER_BATCH) continue
    await send(waiting)
    done += waiting.length
    onProgress?.(done)
    waiting = []
  }
  await send(waiting)
  return {
    bootstrap: broker.bootstrap,
    broker,
    kafka,
    brokerPid: broker.pid ?? 0,
    createTopicsFor,
    send,
    stop: async () => {
      await kafka.close()
      await broker.stop()
    },
  }
}
