import type { KafkaCluster } from '../infra/kafka/kafka.ts'
import { partitionForKey } from '../runtime/task/partitioner.ts'
import { NO_HEADERS } from '../state/ports/headers.ts'
import type { LoadRecord } from './load.ts'

/** Appends records by key, as a producer does. */
export type RecordSender = (records: readonly LoadRecord[]) => Promise<void>

const RECORDS_PER_BATCH = 5000

/** @param topics all that records will be sent to; they must exist */
export async function recordSender(kafka: KafkaCluster, topics: readonly string[]): Promise<RecordSender> {
  const described = await kafka.admin().describeTopics(topics)
  const writer = kafka.writer({ transactionalId: null })
  await writer.init()
  return async (records) => {
    const batch = writer.newBatch()
    for (const { topic, key, value, timestamp } of records) {
      const partition = partitionForKey(key, described.get(topic)?.partitions ?? 1)
      batch.append(topic, partition, key, value, timestamp, NO_HEADERS)
    }
    await writer.commit({ batch, offsets: [], group: () => null })
  }
}

/** Sends all records, a few thousand at once. @param onProgress gets the number that was sent so far */
export async function sendAll(
  records: Iterable<LoadRecord>,
  send: RecordSender,
  onProgress?: (done: number) => void,
): Promise<void> {
  let waiting: LoadRecord[] = []
  let done = 0
  for (const record of records) {
    waiting.push(record)
    if (waiting.length < RECORDS_PER_BATCH) continue
    await send(waiting)
    done += waiting.length
    onProgress?.(done)
    waiting = []
  }
  await send(waiting)
}
