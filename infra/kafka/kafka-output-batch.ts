import type { OutputBatch } from '../../runtime/ports/log.ts'
import type { Headers } from '../../state/ports/headers.ts'
import type { Serialized } from '../../state/ports/serde.ts'
import { type BatchLimits, PartitionEncoder } from './record-batch-encoder.ts'

/** Memory kept between commits, bytes. */
const POOL_BYTES = 32 * 1024 * 1024

/**
 * Buffers of settled batches, used again by the next ones. Each topic has its own, since a buffer is as large as the greatest part of a
 * batch that was ever in it.
 */
export class BufferPool {
  readonly #free = new Map<string, Buffer[]>()
  readonly #maxBytes: number
  #bytes = 0

  /** @param maxBytes beyond them buffers go to the garbage collector */
  constructor(maxBytes = POOL_BYTES) {
    this.#maxBytes = maxBytes
  }

  take(topic: string): Buffer | undefined {
    const free = this.#free.get(topic)
    const buffer = free?.pop()
    if (buffer === undefined) return undefined
    this.#bytes -= buffer.length
    // Names of topics may come from records, and have no end.
    if (free?.length === 0) this.#free.delete(topic)
    return buffer
  }

  give(topic: string, buffer: Buffer): void {
    if (this.#bytes + buffer.length > this.#maxBytes) return
    this.#bytes += buffer.length
    const free = this.#free.get(topic)
    if (free === undefined) this.#free.set(topic, [buffer])
    else free.push(buffer)
  }
}

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
