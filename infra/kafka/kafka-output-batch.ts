import type { OutputBatch } from '../../runtime/ports/log.ts'
import type { Headers } from '../../state/ports/headers.ts'
import type { Serialized } from '../../state/ports/serde.ts'
import type { BufferPool } from './buffer-pool.ts'
import { type BatchLimits, PartitionEncoder } from './record-batch-encoder.ts'

export interface EncodedPartition {
  readonly topic: string
  readonly partition: number
  readonly encoder: PartitionEncoder
}

/** OutputBatch that encodes each record at once into the record batches of its partition. */
export class KafkaOutputBatch implements OutputBatch {
  records = 0
  bytes = 0
  readonly partitions: EncodedPartition[] = []
  readonly #topics = new Map<string, Array<PartitionEncoder | undefined>>()
  readonly #limits: BatchLimits
  readonly #pool: BufferPool
  #settled = false

  constructor(limits: BatchLimits, pool: BufferPool) {
    this.#limits = limits
    this.#pool = pool
    pool.begin()
  }

  append(
    topic: string,
    partition: number,
    key: Serialized | null,
    value: Serialized | null,
    timestamp: number,
    headers: Headers,
  ): void {
    if (this.#settled) throw new Error('nothing can be appended to a batch that has been committed or has failed')
    const encoder = this.#topics.get(topic)?.[partition] ?? this.#newEncoder(topic, partition)
    this.bytes += encoder.append(key, value, timestamp, headers)
    this.records++
  }

  /** Gives the memory back. The batch must not be used afterwards; a second call does nothing. */
  release(): void {
    if (this.#settled) return
    this.#settled = true
    for (const { topic, encoder } of this.partitions) this.#pool.give(topic, encoder.release())
    this.partitions.length = 0
    this.#topics.clear()
  }

  #newEncoder(topic: string, partition: number): PartitionEncoder {
    const encoder = new PartitionEncoder(topic, this.#limits, this.#pool.take(topic))
    const encoders = this.#topics.get(topic) ?? []
    encoders[partition] = encoder
    this.#topics.set(topic, encoders)
    this.partitions.push({ topic, partition, encoder })
    return encoder
  }
}
