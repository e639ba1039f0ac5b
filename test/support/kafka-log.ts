import type { KafkaCluster } from '../../infra/kafka/kafka.ts'
import type { KafkaReaderOptions } from '../../infra/kafka/kafka-reader.ts'
import type { CommittedOffset, GroupMetadata, LogRecord, LogWriter } from '../../runtime/ports/log.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'

/** A record to write; the present time when no timestamp is given (an old one would roll the log's segment). */
export interface TestRecord {
  readonly topic: string
  readonly partition: number
  readonly key: string | null
  readonly value: string | null
  readonly timestamp?: number
}

/** Commits the records (and offsets) in one commit of that writer. */
export function write(
  writer: LogWriter,
  records: readonly TestRecord[],
  offsets: readonly CommittedOffset[] = [],
  group: () => GroupMetadata | null = () => null,
): Promise<ReadonlyMap<string, number>> {
  const batch = writer.newBatch()
  for (const { topic, partition, key, value, timestamp } of records) {
    batch.append(topic, partition, key, value, timestamp ?? Date.now(), NO_HEADERS)
  }
  return writer.commit({ batch, offsets, group })
}

/** A member of a group without members: the coordinator refuses its offsets. */
const STRANGER: GroupMetadata = { groupId: 'g', memberId: 'nobody', generation: 7, groupInstanceId: null }

/** The member data of a commit: one that the group refuses, and then none. */
export function stranger(): () => GroupMetadata | null {
  let asked = 0
  return () => (asked++ < 2 ? STRANGER : null)
}

/** Writes the records in a transaction that ends in an abort, because its offsets are refused. The writer is ready again. */
export async function abort(writer: LogWriter, records: readonly TestRecord[]): Promise<void> {
  // A new session: right behind another transaction the offsets would go first, and the records not at all.
  await writer.init()
  const offset = { topic: records[0]?.topic ?? 't', partition: 0, offset: 1, metadata: '' }
  const refused = await write(writer, records, [offset], stranger()).then(
    () => false,
    (error: { code?: string }) => error.code === 'COMMIT_FAILED',
  )
  if (!refused) throw new Error('the transaction was expected to fail')
  await writer.init()
}

/** Reads the partitions from the beginning until each position has reached its end (a high watermark). */
export async function readAll(
  kafka: KafkaCluster,
  topic: string,
  ends: readonly number[],
  options: KafkaReaderOptions = {},
): Promise<LogRecord[][]> {
  const reader = kafka.reader(options)
  const records: LogRecord[][] = ends.map(() => [])
  const positions = ends.map(() => 0)
  for (const partition of ends.keys()) reader.assign({ topic, partition }, 0)
  while (positions.some((position, partition) => position < (ends[partition] ?? 0))) {
    for (const fetched of await reader.poll(1000)) {
      if (fetched.from !== positions[fetched.partition]) throw new Error(`from ${fetched.from}`)
      positions[fetched.partition] = fetched.position
      for (const record of fetched.records) (records[fetched.partition] as LogRecord[]).push(record)
    }
  }
  await reader.close()
  return records
}

/** The partitions' records up to the high watermarks of this moment. */
export async function readTopic(kafka: KafkaCluster, topic: string): Promise<LogRecord[][]> {
  return readAll(kafka, topic, await endsOf(kafka, [topic]))
}

/** High watermarks of all partitions of the topics, in order. */
export async function endsOf(kafka: KafkaCluster, topics: readonly string[]): Promise<readonly number[]> {
  const admin = kafka.admin()
  const found = await admin.describeTopics(topics)
  return admin.highWatermarks(
    topics.flatMap((topic) =>
      Array.from({ length: found.get(topic)?.partitions ?? 0 }, (_, partition) => ({ topic, partition })),
    ),
  )
}

export function text(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString()
}
