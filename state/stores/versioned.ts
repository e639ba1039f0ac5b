/*
 * Versioned key-value store (KIP-889): every version of a key is a row of its own, deletes are versions too.
 *
 * Storage key: key | valid from (8 bytes). Changelog: a record for each version (versioned-changelog.ts).
 *
 * Invariants
 * 1. A version is valid from its time until the next version's time; the latest one until further notice.
 * 2. Every version that a read as of [observed stream time - history retention, ...) can need is there; the latest
 *    value of a key never expires.
 * 3. What nobody can read any more is dropped, in the changelog too: compaction forgets only what is deleted there.
 */
import { encodeLong } from '../keys/binary-number.ts'
import type { Row } from '../layers/row.ts'
import { UserCodeError } from '../ports/errors.ts'
import type { VersionedSpec } from '../ports/store-spec.ts'
import type { CopyingStore, VersionedKeyValueStore, VersionedRecord } from '../ports/stores.ts'
import { isTimestamp, timestampProblem } from '../ports/timestamp.ts'
import type { StoreKind, StoreParts } from './layered-store.ts'
import { ObservedTime } from './observed-time.ts'
import { RowShape } from './row-shape.ts'
import { KeySweep } from './sweep.ts'
import { keyOf, TIME_BYTES, timeOf, toChangelogKey, VersionedChangelog } from './versioned-changelog.ts'
import { VersionedView } from './versioned-view.ts'

interface VersionedParts extends StoreParts<VersionedSpec> {
  readonly observed: ObservedTime
  readonly versions: VersionedChangelog
  readonly shape: RowShape
}

export class VersionedApi implements VersionedKeyValueStore<unknown, unknown>, CopyingStore {
  readonly name: string
  readonly #parts: VersionedParts

  constructor(parts: VersionedParts) {
    this.name = parts.spec.name
    this.#parts = parts
  }

  copyOf<V>(value: V): V {
    return this.#parts.shape.copyOf(value) as V
  }

  put(key: unknown, value: unknown, timestamp: number): number | null | undefined {
    const { layers, keys, observed, shape, context } = this.#parts
    if (!isTimestamp(timestamp))
      throw new UserCodeError(`a version in store ${this.name} has a wrong timestamp: ${timestampProblem(timestamp)}`)
    // A version has a time of its own. This refuses a write that belongs to no record.
    context.recordTimestamp()
    if (this.#isTooOld(timestamp)) return undefined
    observed.observe(timestamp)
    const binary = keys.encode(key)
    layers.put(binary + encodeLong(timestamp), shape.rowAt(value, timestamp), timestamp)
    this.#prune(binary)
    return this.#validTo(binary, timestamp)
  }

  delete(key: unknown, timestamp: number): VersionedRecord<unknown> | null {
    if (this.#isTooOld(timestamp)) return null
    const existing = this.getAsOf(key, timestamp)
    this.put(key, null, timestamp)
    return existing
  }

  get(key: unknown): VersionedRecord<unknown> | null {
    for (const row of this.#versions(this.#parts.keys.encode(key), 0, null, true)) return this.#record(row, null)
    return null
  }

  getAsOf(key: unknown, asOf: number): VersionedRecord<unknown> | null {
    if (asOf < 0) return null
    const { keys, observed, spec } = this.#parts
    if (asOf < observed.now - spec.historyRetentionMs) {
      const latest = this.get(key)
      return latest !== null && latest.timestamp <= asOf ? latest : null
    }
    const binary = keys.encode(key)
    for (const row of this.#versions(binary, 0, asOf, true))
      return this.#record(row, this.#validTo(binary, row.timestamp))
    return null
  }

  /** A delete gives no record. */
  #record(row: Row<unknown>, validTo: number | null): VersionedRecord<unknown> | null {
    return row.value === null ? null : { value: this.#parts.shape.stored(row), timestamp: row.timestamp, validTo }
  }

  #isTooOld(timestamp: number): boolean {
    const { observed, spec, onDropped } = this.#parts
    if (timestamp >= observed.now - spec.historyRetentionMs) return false
    onDropped('expired-version')
    return true
  }

  /** Time of the next version, null when there is none. */
  #validTo(binary: string, timestamp: number): number | null {
    for (const next of this.#versions(binary, timestamp + 1, null, false)) return next.timestamp
    return null
  }

  /** Versions of a key, deletes included, with a time in [from, to]. */
  *#versions(binary: string, from: number, to: number | null, reverse: boolean): Generator<Row<unknown>> {
    const { layers } = this.#parts
    for (const storageKey of this.#storageKeys(binary, from, to, reverse)) {
      const row = layers.get(storageKey)
      if (row !== null) yield row
    }
  }

  *#storageKeys(binary: string, from: number, to: number | null, reverse: boolean): Generator<string> {
    const length = binary.length + TIME_BYTES
    const end = to === null ? '\xff' : encodeLong(to + 1)
    for (const storageKey of this.#parts.layers.keys({ from: binary + encodeLong(from), to: binary + end, reverse })) {
      // A longer key that starts with this one may lie between.
      if (storageKey.length === length) yield storageKey
    }
  }

  #prune(binary: string): void {
    const { layers, observed, spec, versions } = this.#parts
    const horizon = observed.now - spec.historyRetentionMs
    if (horizon < 0) return
    const old = [...this.#storageKeys(binary, 0, horizon, true)].filter((key) => layers.get(key) !== null)
    // The last of them is what was valid at the horizon; a delete is what absence says anyway.
    const [last, ...before] = old
    for (const storageKey of before) layers.drop(storageKey, observed.now)
    if (last === undefined || layers.get(last)?.value !== null) return
    layers.drop(last, observed.now)
    if (versions.isFormer && !versions.hasVersions(binary, 0)) versions.vanished(binary)
  }
}

export function versionedKind(parts: StoreParts<VersionedSpec>): StoreKind<unknown> {
  const { spec, layers, keys, context, values, backend, note } = parts
  const observed = new ObservedTime(note.observed)
  const shape = new RowShape({ timestamped: false, keepHeaders: spec.headers === true, context, values })
  const versions = new VersionedChangelog(layers, observed, note)
  const sweep = new KeySweep(layers)
  return {
    api: new VersionedApi({ ...parts, observed, shape, versions }),
    committed: new VersionedView({
      values,
      name: spec.name,
      layers,
      backend,
      observed,
      historyRetentionMs: spec.historyRetentionMs,
    }),
    observed,
    versions,
    flushedKey: (storageKey) => keys.decode(keyOf(storageKey)),
    flushedValue: (row) => values.read(row.value),
    changelogKey: toChangelogKey,
    restored: (...record) => versions.restored(...record),
    expire: (limit) => {
      if (spec.logging && versions.isFormer) {
        versions.rewrite(limit)
        return
      }
      const horizon = observed.now - spec.historyRetentionMs
      if (horizon >= 0) sweep.run(limit, (visited) => dropUnreadable(visited, horizon))
    },
  }

  /** For keys that are not written any more; put() prunes its own. */
  function dropUnreadable(visited: readonly string[], horizon: number): void {
    visited.forEach((storageKey, index) => {
      const next = visited[index + 1]
      if (next === undefined) return
      if (timeOf(storageKey) > horizon) return
      const replaced = keyOf(next) === keyOf(storageKey) && timeOf(next) <= horizon && layers.timestampOf(next) !== null
      if (replaced || isLastDelete(storageKey)) layers.drop(storageKey, observed.now)
    })
  }

  function isLastDelete(storageKey: string): boolean {
    const row = layers.peek(storageKey)
    if (row === null || row.value !== null) return false
    const binary = keyOf(storageKey)
    for (const key of layers.keys({ from: `${storageKey}\0`, to: `${binary}\xff` })) {
      if (key.length === storageKey.length && layers.peek(key) !== null) return false
    }
    return true
  }
}
