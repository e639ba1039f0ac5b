import { RecordTooLargeError } from '../../state/ports/errors.ts'
import type { Headers } from '../../state/ports/headers.ts'
import { bufferOf, type Serialized } from '../../state/ports/serde.ts'
import { partitionKey } from '../../state/ports/topic-partition.ts'
import type { LogRecord, OutputBatch, TopicPartition } from '../ports/log.ts'

/** One partition's share of a batch. */
export interface PartitionRecords extends TopicPartition {
  readonly records: Omit<LogRecord, 'offset'>[]
}

/** The bytes that count against max.message.bytes here. */
export function sizeOf({ key, value, headers }: Omit<LogRecord, 'offset'>): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const header of headers) bytes += header.key.length + (header.value?.length ?? 0)
  return bytes
}

/** Output of an epoch for the in-memory log: encoded to bytes at append, as the real one does. */
export class MemoryBatch implements OutputBatch {
  records = 0
  bytes = 0
  /** All records in the order they were appended, over all topics. */
  readonly inOrder: { readonly topic: string; readonly record: Omit<LogRecord, 'offset'> }[] = []
  readonly #partitions = new Map<string, PartitionRecords>()
  readonly #maxBytesOf: (topic: string) => number

  /** @param maxBytesOf most bytes of one record of a topic, as far as known */
  constructor(maxBytesOf: (topic: string) => number = () => Number.POSITIVE_INFINITY) {
    this.#maxBytesOf = maxBytesOf
  }

  append(
    topic: string,
    partition: number,
    key: Serialized | null,
    value: Serialized | null,
    timestamp: number,
    headers: Headers,
  ): void {
    const record = { key: bufferOf(key), value: bufferOf(value), timestamp, headers: [...headers] }
    const max = this.#maxBytesOf(topic)
    if (max < Number.POSITIVE_INFINITY && sizeOf(record) > max) {
      throw new RecordTooLargeError(topic, sizeOf(record), max)
    }
    const name = partitionKey({ topic, partition })
    let target = this.#partitions.get(name)
    if (target === undefined) {
      target = { topic, partition, records: [] }
      this.#partitions.set(name, target)
    }
    target.records.push(record)
    this.inOrder.push({ topic, record })
    this.records++
    this.bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
  }

  get partitions(): IterableIterator<PartitionRecords> {
    return this.#partitions.values()
  }
}
