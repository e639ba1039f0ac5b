import type { KafkaConnectionConfig } from '../../infra/kafka/config/index.ts'
import { connectKafka } from '../../infra/kafka/index.ts'
import { requireTopics } from '../../infra/streams/topics/index.ts'
import { TRIP_OFFERS_TOPIC } from '../../processors/topics.ts'
import type { LogAdmin, LogReader, TopicPartition } from '../../runtime/index.ts'

/** Requests of each partition whose offers may still be open when somebody asks for the first time. */
const OFFERS_BACK = 5000

/** A topic from its last records on. */
export interface Tail {
  /** Its partitions are assigned. */
  readonly reader: LogReader
  /** Partitions that held records at the beginning. */
  readonly behind: readonly TopicPartition[]
  close(): Promise<void>
}

/** The last offers, and those to come. @throws MissingTopicError */
export function openOffers(connection: KafkaConnectionConfig): Promise<Tail> {
  return openTail(connection, TRIP_OFFERS_TOPIC, OFFERS_BACK)
}

/** Reads a topic from its last `records` of each partition on, and what comes after them. @throws MissingTopicError */
async function openTail(connection: KafkaConnectionConfig, topic: string, records: number): Promise<Tail> {
  const cluster = connectKafka(connection)
  try {
    const clients = { admin: cluster.admin(), reader: cluster.reader(), close: () => cluster.close() }
    const counts = await requireTopics(clients.admin, [topic])
    return await tailOf(clients, { topic, partitions: counts.get(topic) ?? 0, records })
  } catch (error) {
    await cluster.close()
    throw error
  }
}

export interface TailClients {
  readonly admin: LogAdmin
  readonly reader: LogReader
  readonly close: () => Promise<void>
}

/** Works like openTail, with clients that the tail closes. */
export async function tailOf(
  { admin, reader, close }: TailClients,
  { topic, partitions, records }: { readonly topic: string; readonly partitions: number; readonly records: number },
): Promise<Tail> {
  const all = Array.from({ length: partitions }, (_, partition): TopicPartition => ({ topic, partition }))
  const [earliest, ends] = await Promise.all([admin.earliestOffsets(all), admin.highWatermarks(all)])
  const behind: TopicPartition[] = []
  for (const [i, one] of all.entries()) {
    const end = ends[i] ?? 0
    const position = Math.max(earliest[i] ?? 0, end - records)
    reader.assign(one, position)
    if (position < end) behind.push(one)
  }
  return { reader, behind, close }
}
