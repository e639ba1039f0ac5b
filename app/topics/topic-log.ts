import type { KafkaConnectionConfig } from '../../infra/kafka/config/index.ts'
import { connectKafka } from '../../infra/kafka/index.ts'
import type { LogAdmin, LogReader, TopicPartition } from '../../runtime/index.ts'

/** Connections to read pieces of topics with. */
export interface TopicLog {
  readonly admin: LogAdmin
  /** Committed records only. */
  readonly reader: LogReader
  /** Offset of the first record of each partition at or after that time (epoch ms); -1 where there is none. */
  readonly offsetsForTime: (partitions: readonly TopicPartition[], timestamp: number) => Promise<readonly number[]>
  close(): Promise<void>
}

/** A request of a client waits for it, ms. */
const PATIENCE_MS = 5000

export function openTopicLog(connection: KafkaConnectionConfig): TopicLog {
  const kafka = connectKafka(connection)
  const admin = kafka.admin({ timeoutMs: PATIENCE_MS })
  return {
    admin,
    reader: kafka.reader(),
    offsetsForTime: (partitions, timestamp) => admin.offsetsForTime(partitions, timestamp),
    close: () => kafka.close(),
  }
}
