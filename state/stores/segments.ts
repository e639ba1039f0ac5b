/*
 * Time segments of window and session stores. Storage keys are `segment | key | times`, so that the rows of one
 * key within a segment lie together, and what has expired is a range of whole segments at the front.
 */
import { decodeLong, encodeLong } from '../keys/binary-number.ts'
import type { RowLayers } from '../layers/row-layers.ts'
import type { ObservedTime } from './observed-time.ts'

export const SEGMENT_BYTES = 8

export interface SegmentsOptions {
  readonly layers: RowLayers<unknown>
  readonly observed: ObservedTime
  readonly retentionMs: number
  /** Length of a segment, ms. */
  readonly intervalMs: number
}

export class Segments {
  readonly #layers: RowLayers<unknown>
  readonly #observed: ObservedTime
  readonly #retentionMs: number
  readonly #intervalMs: number
  #lastSegment = -1
  #lastPrefix = ''
  /** All rows before this key are dropped; '' when that is not known. */
  #droppedUpTo = ''

  constructor({ layers, observed, retentionMs, intervalMs }: SegmentsOptions) {
    this.#layers = layers
    this.#observed = observed
    this.#retentionMs = retentionMs
    this.#intervalMs = Math.max(1, Math.ceil(intervalMs))
  }

  /** The first time that has not expired. A row expires exactly retention after the observed stream time, as in Kafka Streams. */
  get earliest(): number {
    return Math.max(0, this.#observed.now - this.#retentionMs + 1)
  }

  isExpired(time: number): boolean {
    return time < this.earliest
  }

  /** The earliest time for queries, by the stream time of committed rows. */
  get earliestForQueries(): number {
    return Math.max(0, this.#observed.committed - this.#retentionMs + 1)
  }

  get latestForQueries(): number {
    return this.#observed.committed
  }

  prefix(time: number): string {
    const segment = Math.floor(time / this.#intervalMs)
    // Nearly all times of a while are in one segment.
    if (segment !== this.#lastSegment) {
      this.#lastPrefix = encodeLong(segment)
      this.#lastSegment = segment
    }
    return this.#lastPrefix
  }

  /** Prefixes of the segments that hold rows with a time in [from, to], ascending or descending. */
  *prefixes(from: number, to: number, reverse: boolean): Generator<string> {
    yield* this.between(Math.max(from, this.earliest), Math.min(to, this.#observed.now), reverse)
  }

  /** Prefixes of all segments between two times; none when the later one is before the earlier one. */
  *between(from: number, to: number, reverse: boolean): Generator<string> {
    const first = Math.floor(from / this.#intervalMs)
    const last = to < from ? first - 1 : Math.floor(to / this.#intervalMs)
    if (reverse) for (let segment = last; segment >= first; segment--) yield encodeLong(segment)
    else for (let segment = first; segment <= last; segment++) yield encodeLong(segment)
  }

  /**
   * Drops rows of segments that have expired as a whole, at most `limit` of them. Logged: the changelog is compacted, and forgets only
   * what is deleted there.
   */
  dropExpired(limit: number): void {
    const { earliest } = this
    if (earliest === 0) return
    const end = this.prefix(earliest)
    if (this.#droppedUpTo >= end) return
    const dropped: string[] = []
    // A dropped key stays among the keys until its delete is on the disk: no commit walks over it again.
    for (const key of this.#layers.keys({ from: this.#droppedUpTo, to: end })) {
      if (dropped.length >= limit) break
      dropped.push(key)
    }
    for (const key of dropped) this.#layers.drop(key, this.#observed.now)
    // No row comes before the end any more: puts are refused there.
    this.#droppedUpTo = dropped.length < limit ? end : (dropped.at(-1) ?? '')
  }

  /** Rows that were dropped may be there again. */
  otherRows(): void {
    this.#droppedUpTo = ''
  }
}

/** Returns the end of the segment with this prefix. */
export function nextSegment(prefix: string): string {
  return encodeLong(decodeLong(prefix, 0) + 1)
}
