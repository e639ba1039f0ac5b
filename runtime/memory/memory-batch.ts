import type { Headers } from '../../state/ports/headers.ts'
import type { Serialized } from '../../state/ports/serde.ts'
import type { LogRecord, OutputBatch, TopicPartition } from '../ports/log.ts'

/** One partition's share of a batch. */
export interface PartitionRecords extends TopicPartition {
  readonly records: Omit<LogRecord, 'offset'>[]
}

function bytesOf(value: Serialized | null): Buffer | null {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : value
}

/** Output of an epoch for the in-memory log: encoded to bytes at append, as the real one does. */
export class MemoryBatch implements OutputBatch {
  records = 0
  bytes = 0
  /** All records in the order they were appended, over all topics. */
  readonly inOrder: { readonly topic: string; readonly record: Omit<LogRecord, 'offset'> }[] = []
  readonly #partitions = new Map<string, PartitionRecords>()

  append(
    topic: string,
    partition: number,
    key: Serialized | null,
    value: Serialized | null,
    timestamp: number,
    headers: Headers,
  ): void {
    const name = `${topic}:${partition}`
    let target = this.#partitions.get(name)
    if (target === undefined) {
      target = { topic, partition, records: [] }
      this.#partitions.set(name, target)
    }
    const record = { key: bytesOf(key), value: bytesOf(value), timestamp, headers: [...headers] }
    target.records.push(record)
    this.inOrder.push({ topic, record })
    this.records++
    this.bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
  }

  get partitions(): IterableIterator<PartitionRecords> {
    return this.#partitions.values()
  }
}
