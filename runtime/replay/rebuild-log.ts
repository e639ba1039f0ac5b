import { partitionKey } from '../../state/ports/topic-partition.ts'
import type { FetchedPartition, TopicPartition } from '../ports/log.ts'
import type { StreamTask } from '../task/stream-task.ts'
import type { OpenStore } from '../task/task-stores.ts'
import type { InputSpan, RebuiltRecord } from './rebuild-options.ts'

export interface RebuildTask {
  task: StreamTask
  stores: readonly OpenStore[]
  /** True for tasks that read input topics; the others process what these send them. */
  hasInput: boolean
}

/*
 * Owns the log that the tasks of a rebuild read: input partitions, each fed up to its target, and repartition partitions, which the
 * tasks themselves fill.
 * 1. A partition with a target is input. What tasks write to its topic is in the input already, so nobody gets it from here.
 * 2. Records of a repartition partition have offsets from 0 on, and their reader gets them at once.
 */
export class RebuildLog {
  readonly #input: readonly InputSpan[]
  readonly #readers = new Map<string, RebuildTask>()
  /** For each input partition: where to stop, and how far it has been fed. */
  readonly #targets = new Map<string, number>()
  readonly #positions = new Map<string, number>()
  /** Next offset of each repartition partition. */
  readonly #ends = new Map<string, number>()
  /** Tasks that were sent something since they were last taken out. */
  readonly stirred = new Set<RebuildTask>()

  constructor(input: readonly InputSpan[]) {
    this.#input = input
    for (const span of input) {
      this.#targets.set(partitionKey(span), Math.max(span.from, span.to))
      this.#positions.set(partitionKey(span), span.from)
    }
  }

  /** Hands a partition to the task that reads it. */
  addReader({ topic, partition }: TopicPartition, position: number, reader: RebuildTask): void {
    const name = partitionKey({ topic, partition })
    this.#readers.set(name, reader)
    const endOffset = this.#targets.get(name) ?? 0
    reader.task.add({ topic, partition, from: position, records: [], bytes: 0, position, endOffset })
  }

  isInput(at: TopicPartition): boolean {
    return this.#targets.has(partitionKey(at))
  }

  /** The part of the input that is still to be read. */
  get missing(): readonly InputSpan[] {
    return this.#input.map(({ topic, partition }) => {
      const at = partitionKey({ topic, partition })
      return { topic, partition, from: this.#positions.get(at) ?? 0, to: this.#targets.get(at) ?? 0 }
    })
  }

  /** Adds to the input and never removes any. */
  extend(input: readonly InputSpan[]): void {
    for (const { topic, partition, to } of input) {
      const name = partitionKey({ topic, partition })
      const from = this.#positions.get(name) ?? 0
      this.#targets.set(name, Math.max(to, this.#targets.get(name) ?? 0))
      this.feed({ topic, partition, from, records: [], bytes: 0, position: from, endOffset: to })
    }
  }

  /** Takes read records, and leaves those beyond the target for later. */
  feed(fetched: FetchedPartition): void {
    const name = partitionKey(fetched)
    const to = this.#targets.get(name) ?? 0
    const records = fetched.records.filter(({ offset }) => offset < to)
    const position = Math.min(fetched.position, to)
    this.#readers.get(name)?.task.add({ ...fetched, records, position, endOffset: to })
    this.#positions.set(name, Math.max(position, this.#positions.get(name) ?? 0))
  }

  /** Bytes read and not yet processed, of a partition. */
  bufferedBytes({ topic, partition }: TopicPartition): number {
    const queues = this.#readers.get(partitionKey({ topic, partition }))?.task.queues
    return queues?.find((queue) => queue.topic === topic && queue.partition === partition)?.bytes ?? 0
  }

  /** Records in all repartition partitions together. */
  get written(): number {
    let sum = 0
    for (const end of this.#ends.values()) sum += end
    return sum
  }

  /** Gives the record to the task that reads its repartition topic, and the record its offset. False: its topic is none. */
  append(rebuilt: RebuiltRecord): boolean {
    const { topic, partition, key, value, timestamp, headers } = rebuilt
    const name = partitionKey({ topic, partition })
    const reader = this.#readers.get(name)
    if (reader === undefined || this.#targets.has(name)) return false
    const offset = this.#ends.get(name) ?? 0
    const position = offset + 1
    this.#ends.set(name, position)
    rebuilt.offset = offset
    const records = [{ offset, key, value, timestamp, headers }]
    const bytes = (key?.length ?? 0) + (value?.length ?? 0)
    reader.task.add({ topic, partition, from: offset, records, bytes, position, endOffset: position })
    this.stirred.add(reader)
    return true
  }
}
