/*
 * Queries of window and session stores.
 * 1. Rows come by time (start of a window, end of a session), then key bytes, then what tells rows of one time and key apart:
 *    as the stores' own fetchAll() and all() give them, whatever the length of a segment.
 * 2. A page holds rows as of one moment; a row that stays as it is stands on exactly one page.
 */
import { decodeLong, encodeLong } from '../keys/binary-number.ts'
import type { RowLayers } from '../layers/row-layers.ts'
import type { StoreBackend } from '../ports/backend.ts'
import type { CommittedView } from '../ports/managed-store.ts'
import type { RowsQuestion, SessionsQuestion, StoredRow, WindowsQuestion } from '../ports/questions.ts'
import type { Window } from '../ports/stores.ts'
import { nextSegment, SEGMENT_BYTES, type Segments } from './segments.ts'
import { notAnswered, storedRow } from './stored-row.ts'
import { positionOf, TIME_BYTES } from './timed-position.ts'

export interface TimedViewOptions {
  readonly name: string
  readonly layers: RowLayers<unknown>
  readonly backend: StoreBackend
  readonly segments: Segments
  /** Bytes of a storage key behind `segment | key | time`. */
  readonly tailBytes: number
  window(storageKey: string): Window
}

interface Wanted {
  readonly key: string | null
  /** Bounds of the time, inclusive. */
  readonly first: number
  readonly last: number
  /** Sessions only. */
  readonly latestStart: number | null
}

interface FoundKey {
  readonly position: string
  readonly storageKey: string
}

export class TimedView implements CommittedView {
  readonly #options: TimedViewOptions

  constructor(options: TimedViewOptions) {
    this.#options = options
  }

  /** A key alone names no row here. */
  get(): never {
    throw notAnswered(this.#options.name, { type: 'range' })
  }

  row(): never {
    throw notAnswered(this.#options.name, { type: 'range' })
  }

  async rows(question: RowsQuestion): Promise<readonly StoredRow[]> {
    if (question.type !== 'windows' && question.type !== 'sessions') throw notAnswered(this.#options.name, question)
    const { layers, segments } = this.#options
    await layers.reads.settled()
    const wanted = wantedOf(question)
    const first = Math.max(wanted.first, segments.earliestForQueries)
    const last = Math.min(wanted.last, segments.latestForQueries)
    const { limit, reverse } = question
    const found: StoredRow[] = []
    for (const prefix of segments.between(first, last, reverse)) {
      for (const key of this.#keys(prefix, { ...wanted, first, last }, question, limit - found.length)) {
        const row = layers.reads.serialized(key.storageKey)
        if (row !== null) found.push(this.#rowOf(key, row))
      }
      if (found.length >= limit) break
    }
    return found
  }

  approximateEntries(): number {
    return this.#options.backend.approximateEntries()
  }

  #rowOf({ position, storageKey }: FoundKey, row: Parameters<typeof storedRow>[1]): StoredRow {
    const key = storageKey.slice(SEGMENT_BYTES, -(TIME_BYTES + this.#options.tailBytes))
    return { ...storedRow({ position, key }, row), window: this.#options.window(storageKey) }
  }

  /** The keys of the first rows of one segment, in invariant 1's order; within a segment rows lie by key first. */
  #keys(prefix: string, wanted: Wanted, page: WindowsQuestion | SessionsQuestion, limit: number): readonly FoundKey[] {
    const { layers, tailBytes, window } = this.#options
    const { key, first, last, latestStart } = wanted
    const { after, reverse } = page
    const behindKey = TIME_BYTES + tailBytes
    const range =
      key === null
        ? { from: prefix, to: nextSegment(prefix) }
        : {
            from: prefix + key + encodeLong(first),
            to: `${prefix}${key}${encodeLong(last)}${'\xff'.repeat(tailBytes)}\0`,
          }
    let keys: FoundKey[] = []
    for (const storageKey of layers.reads.keys(range)) {
      // A longer key that starts with this one may lie between.
      if (key !== null && storageKey.length !== SEGMENT_BYTES + key.length + behindKey) continue
      const time = decodeLong(storageKey, storageKey.length - behindKey)
      if (time < first || time > last) continue
      if (latestStart !== null && window(storageKey).start > latestStart) continue
      const position = positionOf(storageKey, tailBytes)
      if (after !== undefined && (reverse ? position >= after : position <= after)) continue
      keys.push({ position, storageKey })
      if (keys.length >= 2 * limit + SPARE) keys = firstOf(keys, limit, reverse)
    }
    return firstOf(keys, limit, reverse)
  }
}

/** Keys found are sorted when so many more than wanted are there. */
const SPARE = 1024

function firstOf(keys: FoundKey[], limit: number, reverse: boolean): FoundKey[] {
  const before = reverse ? 1 : -1
  return keys.sort((a, b) => (a.position < b.position ? before : -before)).slice(0, limit)
}

/** The position to continue after bounds the time as well. */
function wantedOf(question: WindowsQuestion | SessionsQuestion): Wanted {
  const { key, after, reverse } = question
  const [from, to, latestStart] =
    question.type === 'windows'
      ? [question.from, question.to, null]
      : [question.earliestEnd, Number.MAX_SAFE_INTEGER, question.latestStart]
  const time = after === undefined ? null : decodeLong(after, 0)
  return {
    key,
    first: time === null || reverse ? from : Math.max(from, time),
    last: time === null || !reverse ? to : Math.min(to, time),
    latestStart,
  }
}
