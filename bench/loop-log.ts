import { BufferPool } from '../infra/kafka/buffer-pool.ts'
import { KafkaOutputBatch } from '../infra/kafka/kafka-output-batch.ts'
import { RecordDecoder } from '../infra/kafka/record-batch-decoder.ts'
import { type BatchLimits, PartitionEncoder } from '../infra/kafka/record-batch-encoder.ts'
import { realClock } from '../infra/streams/real-clock.ts'
import type { CommitRequest, EndPositions, FetchedPartition, LogReader, LogWriter } from '../runtime/ports/log.ts'
import { NO_HEADERS } from '../state/ports/headers.ts'
import { partitionKey, type TopicPartition } from '../state/ports/topic-partition.ts'

const LIMITS: BatchLimits = { maxBatchBytes: 400_000, topics: new Map() }
const PLAIN = { producerId: 0, producerEpoch: 0, transactional: false }

/** Record batches of one partition, as a broker keeps them. */
interface Partition {
  readonly batches: Buffer[]
  end: number
}

/** Records written to one topic. */
export interface TopicOutput {
  records: number
  /** Bytes of record batches, as a broker gets them. */
  bytes: number
}

/*
 * A log of this process without transactions: record batches are encoded and decoded as on the way to a broker and back.
 * 1. Input is written before; batches are off the heap, so that keeping them costs the garbage collector nothing.
 * 2. What is written to a topic that is read again (repartition topics) is kept until it is read; all other output is counted.
 */
export class LoopLog {
  records = 0
  bytes = 0
  /** Records written to topics that are read again. */
  looped = 0
  readonly topics = new Map<string, TopicOutput>()
  readonly #partitions = new Map<string, Partition>()
  readonly #read: ReadonlySet<string>
  readonly #pool = new BufferPool()
  readonly #inputs = new Map<string, PartitionEncoder>()

  constructor(read: ReadonlySet<string>) {
    this.#read = read
  }

  /** One record of the input. */
  add(to: TopicPartition, key: string, value: string, timestamp: number): void {
    const name = partitionKey(to)
    const encoder = this.#inputs.get(name) ?? new PartitionEncoder(to.topic, LIMITS)
    this.#inputs.set(name, encoder)
    encoder.append(key, value, timestamp, NO_HEADERS)
  }

  /** All input is there. */
  seal(): void {
    for (const [name, encoder] of this.#inputs) this.#write(name, encoder, true)
    this.#inputs.clear()
  }

  readonly writer: LogWriter = {
    init: async () => {},
    newBatch: () => new KafkaOutputBatch(LIMITS, this.#pool),
    commit: (request) => this.#commit(request),
    close: async () => {},
  }

  reader(): LogReader {
    return new LoopReader((name) => this.#partitions.get(name))
  }

  async #commit({ batch }: CommitRequest): Promise<EndPositions> {
    this.records += batch.records
    this.bytes += batch.bytes
    const encoded = batch as KafkaOutputBatch
    const ends = new Map<string, number>()
    for (const { topic, partition, encoder } of encoded.partitions) {
      const name = partitionKey({ topic, partition })
      ends.set(name, this.#write(name, encoder, this.#read.has(topic)))
      this.#count(topic, encoder)
    }
    encoded.release()
    await realClock.yield()
    return ends
  }

  #count(topic: string, encoder: PartitionEncoder): void {
    const output = this.topics.get(topic) ?? { records: 0, bytes: 0 }
    this.topics.set(topic, output)
    for (let i = encoder.finish() - 1; i >= 0; i--) {
      output.records += encoder.recordsOf(i)
      output.bytes += encoder.bytesOf(i)
    }
  }

  /** Answers where the partition ends then. */
  #write(name: string, encoder: PartitionEncoder, keeps: boolean): number {
    const partition = this.#partitions.get(name) ?? { batches: [], end: 0 }
    this.#partitions.set(name, partition)
    const count = encoder.finish()
    for (let i = 0; i < count; i++) {
      const encoded = encoder.encode(i, PLAIN, 0, 'none')
      const records = encoder.recordsOf(i)
      if (keeps) {
        const bytes = Buffer.from(encoded)
        bytes.writeBigInt64BE(BigInt(partition.end), 0)
        partition.batches.push(bytes)
        this.looped += records
      }
      partition.end += records
    }
    return partition.end
  }
}

/** Hands out a batch of each partition at a time. */
class LoopReader implements LogReader {
  readonly #positions = new Map<string, TopicPartition & { position: number; told: number }>()
  readonly #paused = new Set<string>()
  readonly #find: (name: string) => Partition | undefined

  constructor(find: (name: string) => Partition | undefined) {
    this.#find = find
  }

  assign(at: TopicPartition, position: number): void {
    this.#positions.set(partitionKey(at), { ...at, position, told: -1 })
  }

  unassign(at: TopicPartition): void {
    this.#positions.delete(partitionKey(at))
  }

  pause(at: TopicPartition): void {
    this.#paused.add(partitionKey(at))
  }

  resume(at: TopicPartition): void {
    this.#paused.delete(partitionKey(at))
  }

  async poll(): Promise<readonly FetchedPartition[]> {
    const news: FetchedPartition[] = []
    for (const [name, at] of this.#positions) {
      if (this.#paused.has(name)) continue
      const { topic, partition, position: from } = at
      const found = this.#find(name)
      const end = found?.end ?? 0
      if (at.told === end && from === end) continue
      const batch = found?.batches[0]
      const records = batch === undefined ? [] : new RecordDecoder(batch, from, []).next()
      if (batch !== undefined) found?.batches.shift()
      at.position += records.length
      at.told = end
      const bytes = batch?.length ?? 0
      news.push({ topic, partition, from, records, bytes, position: at.position, endOffset: end })
    }
    await realClock.yield()
    return news
  }

  async close(): Promise<void> {}
}
