/*
 * Owns: the form of a versioned store's changelog, and the way from the former one to it.
 *
 * A version has a record of its own, so compaction never removes what a read can need:
 *   key: PREFIX | key | valid from (8 bytes)
 *   value: 1 | value of the version, or 0 for a version that deletes; null: the version has expired
 * Former form, of earlier versions: the plain key, valid from is the record's timestamp, null is a version that deletes.
 *
 * Invariants
 * 1. A store that may have rows which only former records hold says so in its note, until the commit that has rewritten them.
 * 2. A former key is removed in the commit in which the last of its rows is rewritten or has expired, or in a later one. The removal
 *    has a header, so that nobody takes it for a version that deletes.
 * 3. A discarded epoch did not happen: the rewriting begins again.
 */
import { decodeLong, encodeLong } from '../keys/binary-number.ts'
import type { EncodableChange } from '../layers/row.ts'
import { EncodableRow } from '../layers/row-codec.ts'
import type { RowLayers } from '../layers/row-layers.ts'
import type { Header, Headers } from '../ports/headers.ts'
import type { ChangelogSink, RestoredRecord } from '../ports/managed-store.ts'
import type { Serialized } from '../ports/serde.ts'
import type { ObservedTime } from './observed-time.ts'
import type { StoreNote } from './store-note.ts'

export const TIME_BYTES = 8
/** No text in UTF-8 begins with it. */
const PREFIX = '\xff\xferide-streams-version\x00'
const IS_VALUE = Buffer.from([1])
const IS_DELETE = Buffer.from([0])
/** On a tombstone of a former key: the record is removed, and no version says so. */
export const REMOVED_HEADER: Header = { key: '__streams.removed', value: IS_VALUE }
const REMOVED: Headers = [REMOVED_HEADER]

export function toChangelogKey(storageKey: string): string {
  return PREFIX + storageKey
}

export function fromChangelogKey(changelogKey: string): string | null {
  return changelogKey.startsWith(PREFIX) ? changelogKey.slice(PREFIX.length) : null
}

export function toChangelogValue(value: Serialized | null): Serialized {
  if (value === null) return IS_DELETE
  return typeof value === 'string' ? `\x01${value}` : Buffer.concat([IS_VALUE, value])
}

export function keyOf(storageKey: string): string {
  return storageKey.slice(0, -TIME_BYTES)
}

export function timeOf(storageKey: string): number {
  return decodeLong(storageKey, storageKey.length - TIME_BYTES)
}

function isRemoval(headers: Headers): boolean {
  for (const { key } of headers) if (key === REMOVED_HEADER.key) return true
  return false
}

export class VersionedChangelog {
  readonly #layers: RowLayers<unknown>
  readonly #observed: ObservedTime
  #state: 'present' | 'former' | 'rewritten'
  #from = ''
  readonly #removed = new Set<string>()

  constructor(layers: RowLayers<unknown>, observed: ObservedTime, { isPresentForm }: StoreNote) {
    this.#layers = layers
    this.#observed = observed
    this.#state = isPresentForm ? 'present' : 'former'
  }

  get isFormer(): boolean {
    return this.#state === 'former'
  }

  get isPresentForm(): boolean {
    return this.#state === 'present'
  }

  /** The row a record stands for; null: none. */
  restored(changelogKey: string, record: RestoredRecord, headers: Headers): EncodableChange | null {
    const { value, timestamp } = record
    const key = fromChangelogKey(changelogKey)
    if (key !== null) {
      this.#observed.restore(timeOf(key))
      if (value === null) return { key, row: null }
      return { key, row: new EncodableRow(value[0] === 1 ? value.subarray(1) : null, timeOf(key), headers) }
    }
    if (value === null && isRemoval(record.headers)) return null
    this.#state = 'former'
    this.#from = ''
    this.#observed.restore(timestamp)
    return { key: changelogKey + encodeLong(timestamp), row: new EncodableRow(value, timestamp, headers) }
  }

  /** Rewrites about `limit` of the next rows. */
  rewrite(limit: number): void {
    const keys: string[] = []
    for (const key of this.#layers.keys({ from: this.#from })) {
      keys.push(key)
      if (keys.length > limit) break
    }
    const next = keys.length > limit ? keys.pop() : undefined
    for (const key of keys) {
      const row = this.#layers.get(key)
      if (row === null) continue
      this.#layers.put(key, row, row.timestamp)
      // Earlier versions of the key were visited before it.
      if (!this.hasVersions(keyOf(key), timeOf(key) + 1)) this.#removed.add(keyOf(key))
    }
    if (next === undefined) this.#state = 'rewritten'
    else this.#from = next
  }

  /** No version of the key is left. */
  vanished(key: string): void {
    if (this.isFormer) this.#removed.add(key)
  }

  hasVersions(key: string, from: number): boolean {
    for (const storageKey of this.#layers.keys({ from: key + encodeLong(from), to: `${key}\xff` })) {
      if (storageKey.length === key.length + TIME_BYTES && this.#layers.peek(storageKey) !== null) return true
    }
    return false
  }

  /** Removes former keys (invariant 2). */
  writeRemovals(sink: ChangelogSink, time: number): void {
    for (const key of this.#removed) sink(key, null, time, REMOVED)
    this.#removed.clear()
  }

  settle(): void {
    if (this.#state === 'rewritten') this.#state = 'present'
  }

  discard(): void {
    if (this.#state === 'rewritten') this.#state = 'former'
    this.#from = ''
    this.#removed.clear()
  }

  reset(): void {
    this.discard()
    this.#state = 'present'
  }
}
