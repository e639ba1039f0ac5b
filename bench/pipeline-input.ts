import { writeInt64 } from '../infra/kafka/byte-reader.ts'
import { PartitionCursor } from '../infra/kafka/partition-cursor.ts'
import * as layout from '../infra/kafka/record-batch.ts'
import { PartitionEncoder } from '../infra/kafka/record-batch-encoder.ts'
import { realClock } from '../infra/streams/real-clock.ts'
import type { FetchedPartition, LogReader, TopicPartition } from '../runtime/ports/log.ts'
import { NO_HEADERS } from '../state/ports/headers.ts'
import { partitionKey } from '../state/ports/topic-partition.ts'
import type { LoadRecord } from './load.ts'

/** What a stream thread asks of a partition at once (thread-worker.ts), and a producer's batch by default. */
const ANSWER_BYTES = 256 * 1024
const BATCH_BYTES = 16 * 1024
const PRODUCER = { producerId: -1, producerEpoch: -1, transactional: false }

/** One partition as a broker has it: answers to fetches, each some record batches. Outside of the heap, as on the wire. */
class EncodedLog {
  end = 0
  readonly #answers = new Map<number, Buffer>()
  #open = newEncoder()
  #openBytes = 0

  append({ key, value, timestamp }: LoadRecord): void {
    this.#openBytes += this.#open.append(key, value, timestamp, NO_HEADERS)
    if (this.#openBytes >= ANSWER_BYTES) this.seal()
  }

  seal(): void {
    const encoder = this.#open
    const start = this.end
    const batches = Array.from({ length: encoder.finish() }, (_, i) => {
      const bytes = encoder.encode(i, PRODUCER, 0, 'none')
      writeInt64(bytes, this.end, layout.BASE_OFFSET)
      this.end += encoder.recordsOf(i)
      return bytes
    })
    if (batches.length > 0) this.#answers.set(start, Buffer.concat(batches))
    this.#open = newEncoder()
    this.#openBytes = 0
  }

  /** The answer that begins at this offset, as bytes of its own; empty at the end. */
  answerAt(offset: number): Buffer {
    return Buffer.from(this.#answers.get(offset) ?? [])
  }
}

function newEncoder(): PartitionEncoder {
  return new PartitionEncoder('', { maxBatchBytes: BATCH_BYTES, topics: new Map() })
}

/** Hands out logs as KafkaReader does, without a network. */
export class PreloadedReader implements LogReader {
  readonly #logs: ReadonlyMap<string, EncodedLog>
  readonly #cursors = new Map<string, PartitionCursor>()

  constructor(logs: ReadonlyMap<string, EncodedLog>) {
    this.#logs = logs
  }

  assign(partition: TopicPartition, position: number): void {
    this.#cursors.set(partitionKey(partition), new PartitionCursor(partition, position))
  }

  unassign(partition: TopicPartition): void {
    this.#cursors.delete(partitionKey(partition))
  }

  pause(partition: TopicPartition): void {
    const cursor = this.#cursors.get(partitionKey(partition))
    if (cursor !== undefined) cursor.paused = true
  }

  resume(partition: TopicPartition): void {
    const cursor = this.#cursors.get(partitionKey(partition))
    if (cursor !== undefined) cursor.paused = false
  }

  async poll(): Promise<readonly FetchedPartition[]> {
    await realClock.yield()
    const news: FetchedPartition[] = []
    for (const [key, cursor] of this.#cursors) {
      if (cursor.fetchable) this.#fetch(cursor, this.#logs.get(key))
      if (cursor.hasNews) news.push(cursor.take())
    }
    return news
  }

  async close(): Promise<void> {}

  #fetch(cursor: PartitionCursor, log: EncodedLog | undefined): void {
    const end = log?.end ?? 0
    const records = log?.answerAt(cursor.position) ?? Buffer.alloc(0)
    const { partition } = cursor
    const answer = { topicId: '', partition, errorCode: 0, highWatermark: end, lastStableOffset: end, aborted: [] }
    cursor.accept({ ...answer, records }, true)
  }
}

/** Logs by partition. */
export function encodedLogs(
  records: Iterable<LoadRecord>,
  partitionOf: (record: LoadRecord) => number,
): ReadonlyMap<string, EncodedLog> {
  const logs = new Map<string, EncodedLog>()
  for (const record of records) {
    const key = partitionKey({ topic: record.topic, partition: partitionOf(record) })
    const log = logs.get(key) ?? new EncodedLog()
    logs.set(key, log)
    log.append(record)
  }
  for (const log of logs.values()) log.seal()
  return logs
}
