import type { RestoredRecord } from '../../state/ports/managed-store.ts'
import { bufferOf } from '../../state/ports/serde.ts'
import { type StoreSpec, serdeTopicOf } from '../../state/ports/store-spec.ts'
import type { SourceNode } from '../../topology/plan.ts'
import type { LogRecord, TopicPartition } from '../ports/log.ts'
import { prepareRecords } from '../task/prepare-serdes.ts'
import { RecordQueue } from '../task/record-queue.ts'

/**
 * The rows that the records of a source topic stand for, when a store is restored from it. They are read as the source reads them: what
 * it would not process is no row, and a row has the time that the source's extractor gives it.
 */
export class SourceRows {
  readonly #source: SourceNode
  readonly #partition: TopicPartition
  readonly #spec: StoreSpec
  #partitionTime = -1

  constructor(source: SourceNode, partition: TopicPartition, spec: StoreSpec) {
    this.#source = source
    this.#partition = partition
    this.#spec = spec
  }

  /** Null: the source's serdes can read these records. */
  prepare(records: readonly LogRecord[]): Promise<void> | null {
    return prepareRecords(this.#source, { topic: this.#partition.topic, records })
  }

  /** @param records a run of the partition; runs follow each other */
  of(records: readonly LogRecord[]): readonly RestoredRecord[] {
    const [first] = records
    const last = records.at(-1)
    if (first === undefined || last === undefined) return []
    const [from, position] = [first.offset, last.offset + 1]
    const queue = new RecordQueue(this.#source, {
      ...this.#partition,
      position: from,
      partitionTime: this.#partitionTime,
    })
    queue.add({ ...this.#partition, from, records, bytes: 0, position, endOffset: position })
    const rows: RestoredRecord[] = []
    for (; !queue.isEmpty; queue.pop()) {
      const { head } = queue
      if (head === null || head.key === null) continue
      const { key, value, timestamp, headers } = head
      rows.push({
        key: this.#bytes('key', key),
        value: value === null ? null : this.#bytes('value', value),
        timestamp,
        headers,
      })
    }
    this.#partitionTime = queue.partitionTime
    return rows
  }

  #bytes(part: 'key' | 'value', given: unknown): Buffer {
    const { keySerde, valueSerde } = this.#spec
    return bufferOf((part === 'key' ? keySerde : valueSerde).serialize(serdeTopicOf(this.#spec), given))
  }
}
