import type { LogRecord } from '../ports/log.ts'

/** A batch as Kafka stores it: records of one producer, or one control marker, on consecutive offsets. */
export interface StoredBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly producerId: number
  readonly transactional: boolean
  /** A marker ends the producer's transaction in this partition and occupies one offset. */
  readonly marker: 'commit' | 'abort' | null
  readonly records: readonly LogRecord[]
}

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  readonly lastOffset: number
}

/** A broker's answer to a fetch: whole batches, and the aborted transactions that touch them. */
export interface FetchAnswer {
  readonly batches: readonly StoredBatch[]
  readonly aborted: readonly AbortedTransaction[]
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStart: number
}

/*
 * Owns the log of one partition, with Kafka's rules for transactions.
 * 1. Offsets are consecutive; markers occupy one each.
 * 2. The last stable offset is the first offset of the oldest open transaction, else the high watermark.
 * 3. Nothing is ever changed, only appended, or deleted below logStart.
 */
export class PartitionLog {
  #batches: StoredBatch[] = []
  #next = 0
  #start = 0
  readonly #open = new Map<number, number>()
  readonly #aborted: AbortedTransaction[] = []

  get highWatermark(): number {
    return this.#next
  }

  get logStart(): number {
    return this.#start
  }

  get lastStableOffset(): number {
    let stable = this.#next
    for (const first of this.#open.values()) stable = Math.min(stable, first)
    return stable
  }

  /** Returns the base offset. */
  append(producerId: number, isTransactional: boolean, records: readonly Omit<LogRecord, 'offset'>[]): number {
    const baseOffset = this.#next
    if (records.length === 0) return baseOffset
    if (isTransactional && !this.#open.has(producerId)) this.#open.set(producerId, baseOffset)
    this.#next += records.length
    this.#batches.push({
      baseOffset,
      lastOffset: this.#next - 1,
      producerId,
      transactional: isTransactional,
      marker: null,
      records: records.map((record, i) => ({ ...record, offset: baseOffset + i })),
    })
    return baseOffset
  }

  /** Ends the producer's transaction here. */
  mark(producerId: number, control: 'commit' | 'abort'): void {
    const offset = this.#next++
    const firstOffset = this.#open.get(producerId)
    this.#open.delete(producerId)
    if (control === 'abort' && firstOffset !== undefined) {
      this.#aborted.push({ producerId, firstOffset, lastOffset: offset })
    }
    this.#batches.push({
      baseOffset: offset,
      lastOffset: offset,
      producerId,
      transactional: true,
      marker: control,
      records: [],
    })
  }

  /** Whole batches from the one that holds `from`, at most `maxBatches`, below the last stable offset when committed. */
  fetch(from: number, maxBatches: number, isolation: 'read_committed' | 'read_uncommitted'): FetchAnswer {
    const limit = isolation === 'read_committed' ? this.lastStableOffset : this.#next
    const batches: StoredBatch[] = []
    for (let i = this.#indexOf(from); i < this.#batches.length && batches.length < maxBatches; i++) {
      const batch = this.#batches[i] as StoredBatch
      if (batch.baseOffset >= limit) break
      batches.push(batch)
    }
    const upTo = batches.at(-1)?.lastOffset ?? from
    const aborted = this.#aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset <= upTo)
    return {
      batches,
      aborted,
      highWatermark: this.#next,
      lastStableOffset: this.lastStableOffset,
      logStart: this.#start,
    }
  }

  /** Forgets everything below the offset. */
  deleteBelow(offset: number): void {
    this.#start = Math.max(this.#start, Math.min(offset, this.#next))
    this.#batches = this.#batches.filter((batch) => batch.lastOffset >= this.#start)
  }

  #indexOf(offset: number): number {
    let low = 0
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#batches[middle] as StoredBatch).lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
