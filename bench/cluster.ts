import { createRideTopics } from '../app/topics/create-topics.ts'
import { connectKafka, type KafkaCluster } from '../infra/kafka/kafka.ts'
import { startJarBroker } from '../infra/local-kafka/jar-broker.ts'
import type { LocalKafka } from '../infra/local-kafka/local-kafka.ts'
import { EVENT_TYPES } from '../processors/events/schemas.ts'
import { type LoadRecord, load } from './load.ts'
import { recordSender, sendAll } from './record-sender.ts'

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
  const send = await recordSender(kafka, EVENT_TYPES)
  await sendAll(load(events), send, onProgress)
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
