import { decodeLong, encodeLong } from '../keys/binary-number.ts'
import type { SerializedRow } from '../layers/committed-rows.ts'
import type { RowLayers } from '../layers/row-layers.ts'
import type { StoreBackend } from '../ports/backend.ts'
import type { CommittedView } from '../ports/managed-store.ts'
import type { AsOfQuestion, RangeQuestion, RowsQuestion, StoredRow } from '../ports/questions.ts'
import type { VersionedRecord } from '../ports/stores.ts'
import type { ObservedTime } from './observed-time.ts'
import { notAnswered, storedRow } from './stored-row.ts'
import type { ValueCodec } from './value-codec.ts'

const TIME_BYTES = 8

export interface VersionedViewOptions {
  readonly values: ValueCodec
  readonly name: string
  readonly layers: RowLayers<unknown>
  readonly backend: StoreBackend
  readonly observed: ObservedTime
  readonly historyRetentionMs: number
}

/** Queries of a versioned store: the latest version of each key in order of the key bytes, and versions as of a time. */
export class VersionedView implements CommittedView {
  readonly #options: VersionedViewOptions

  constructor(options: VersionedViewOptions) {
    this.#options = options
  }

  get(key: string): unknown {
    const storageKey = this.#latest(key)
    const row = storageKey === null ? null : this.#options.layers.reads.get(storageKey)
    if (row === null || row.value === null) return null
    const { timestamp } = row
    const value = this.#options.values.read(row.value)
    return { value, timestamp, validTo: null } satisfies VersionedRecord<unknown>
  }

  row(key: string): StoredRow | null {
    const storageKey = this.#latest(key)
    return storageKey === null ? null : this.#version(key, storageKey, null)
  }

  async rows(question: RowsQuestion): Promise<readonly StoredRow[]> {
    await this.#options.layers.reads.settled()
    switch (question.type) {
      case 'range':
        return this.#range(question)
      case 'as-of': {
        const found = this.#asOf(question)
        return found === null ? [] : [found]
      }
      default:
        throw notAnswered(this.#options.name, question)
    }
  }

  approximateEntries(): number {
    return this.#options.backend.approximateEntries()
  }

  #asOf({ key, asOf }: AsOfQuestion): StoredRow | null {
    const { observed, historyRetentionMs } = this.#options
    if (asOf < 0) return null
    if (asOf < observed.committed - historyRetentionMs) {
      const latest = this.row(key)
      return latest !== null && latest.timestamp <= asOf ? latest : null
    }
    for (const storageKey of this.#versions(key, 0, asOf, true)) {
      return this.#version(key, storageKey, this.#validTo(key, storageKey))
    }
    return null
  }

  #range({ from, to, after, limit, reverse }: RangeQuestion): readonly StoredRow[] {
    const low = after !== undefined && !reverse && (from === undefined || after >= from) ? after : from
    const high = after !== undefined && reverse && (to === undefined || after <= to) ? after : to
    const isWanted = (key: string): boolean => {
      if ((from !== undefined && key < from) || (to !== undefined && key > to)) return false
      return after === undefined || (reverse ? key < after : key > after)
    }
    // By storage key, so the last one of a key is its latest version. Keys of which one begins another lie between each other.
    const latest = new Map<string, string>()
    for (const storageKey of this.#options.layers.reads.keys({
      from: low,
      to: high === undefined ? high : `${high}\xff`,
    })) {
      const key = storageKey.slice(0, -TIME_BYTES)
      if (isWanted(key)) latest.set(key, storageKey)
    }
    const keys = [...latest.keys()].sort()
    if (reverse) keys.reverse()
    const found: StoredRow[] = []
    for (const key of keys) {
      if (found.length >= limit) break
      const row = this.#version(key, latest.get(key) as string, null)
      if (row !== null) found.push(row)
    }
    return found
  }

  /** null: the version is a delete. */
  #version(key: string, storageKey: string, validTo: number | null): StoredRow | null {
    const row: SerializedRow | null = this.#options.layers.reads.serialized(storageKey)
    return row === null || row.value === null ? null : { ...storedRow({ position: key, key }, row), validTo }
  }

  #latest(key: string): string | null {
    for (const storageKey of this.#versions(key, 0, null, true)) return storageKey
    return null
  }

  /** Time of the next version, null when there is none. */
  #validTo(key: string, storageKey: string): number | null {
    const from = decodeLong(storageKey, key.length) + 1
    for (const next of this.#versions(key, from, null, false)) return decodeLong(next, key.length)
    return null
  }

  /** Storage keys of a key's committed versions, deletes included, with a time in [from, to]. */
  *#versions(key: string, from: number, to: number | null, reverse: boolean): Generator<string> {
    const { reads } = this.#options.layers
    const end = to === null ? '\xff' : `${encodeLong(to)}\0`
    for (const storageKey of reads.keys({ from: key + encodeLong(from), to: key + end, reverse })) {
      // A longer key that starts with this one may lie between.
      if (storageKey.length === key.length + TIME_BYTES && reads.serialized(storageKey) !== null) yield storageKey
    }
  }
}
