/*
 * Owns: the rows of one store between processing and the backend: live layer (epoch N+1), frozen layer (epoch N,
 * its commit in flight), cached committed rows. All kinds of stores stand on it.
 *
 * Invariants
 * 1. Processing sees live over frozen over committed; queries see committed only. A row becomes committed at the
 *    call of settle(): that is when its transaction is known to have committed.
 * 2. The backend changes only in settle() and restore(), each one atomic write with the position behind it
 *    (architecture 1).
 * 3. An entry that is LIVE, FROZEN or UNFLUSHED is in memory until that ends, so what it shadows is never read.
 * 4. A value is serialised once, at freeze(); changelog and backend get the same bytes.
 * 5. discard() at any step leaves exactly the committed rows, also when flush() or freeze() threw half way.
 * 6. `fresh` (ordered stores) has every dirty key that the backend may not have, so backend keys and fresh keys together are all keys.
 * 7. A watcher gets every row in the same step in which it becomes committed.
 */

import { FreshKeys } from '../keys/fresh-keys.ts'
import { mergeKeys } from '../keys/sorted-keys.ts'
import { type BackendWrite, type KeyRange, rowBuffer, type StoreBackend } from '../ports/backend.ts'
import { StoreClosedError } from '../ports/errors.ts'
import type { RowValue } from '../ports/grown-parts.ts'
import { type Headers, NO_HEADERS } from '../ports/headers.ts'
import type { CacheBudget } from './cache-budget.ts'
import { CommittedRows } from './committed-rows.ts'
import { Entry, entryBytes, FROZEN, LIVE, ObjectCache, UNFLUSHED } from './object-cache.ts'
import { type EncodableChange, fromBytes, type Row, type RowFormat, toEncodable, writtenValue } from './row.ts'
import { decodeRow, rowTimestamp } from './row-codec.ts'

export interface RowLayersOptions<V> {
  readonly name: string
  readonly backend: StoreBackend
  readonly format: RowFormat<V>
  readonly budget: CacheBudget
  /** Range reads while processing; the backend must have a key index. */
  readonly ordered: boolean
  /** Remember what changed since the last flush. */
  readonly caching: boolean
  /** Headers of the record being processed: a flushed change carries those of its last put, as in Kafka Streams. */
  readonly recordHeaders: () => Headers
  /** Log deletes of absent rows, for stores that take their time from the changelog. */
  readonly logsAllDeletes: boolean
  /** Hand changes to the sink at freeze. */
  readonly logging: boolean
  /** The sink of freeze() needs the committed value of each changed row. */
  readonly tellsBefore: boolean
}

/** A changed key at flush; null = absent. */
export type FlushListener<V> = (
  key: string,
  newRow: Row<V> | null,
  oldRow: Row<V> | null,
  timestamp: number,
  headers: Headers,
) => void

/**
 * A changed row at freeze. A null value is a row too (a version that deletes), unless `isGone`. `before`: the committed value,
 * when the options ask for it and there is one.
 */
export type RowSink = (
  key: string,
  value: RowValue | null,
  timestamp: number,
  headers: Headers,
  isGone: boolean,
  before: RowValue | null,
) => void

/** Follows which rows are committed (invariant 7); null = absent. */
export interface CommitWatcher<V> {
  committed(key: string, before: Row<V> | null, after: Row<V> | null): void
  /** No row is committed any more. */
  cleared(): void
}

const FIRST_GUESS_OF_ROW_BYTES = 256

export class RowLayers<V> {
  /** The rows that queries see. */
  readonly reads: CommittedRows<V>
  readonly #options: RowLayersOptions<V>
  readonly #backend: StoreBackend
  readonly #cache: ObjectCache<V>
  readonly #fresh: FreshKeys | null
  #live: Entry<V>[] = []
  #frozen: Entry<V>[] | null = null
  /** Committed, on their way to the backend. */
  #settled: readonly Entry<V>[] = []
  #changes: EncodableChange[] = []
  #settling: Promise<void> | null = null
  #failed: unknown = null
  #unflushed: Entry<V>[] = []
  /** Stays true after a listener threw: then only discard() helps. */
  #flushing = false
  readonly #watchers = new Set<CommitWatcher<V>>()
  #puts = 0
  #liveBytes = 0
  #frozenBytes = 0
  #averageRowBytes = FIRST_GUESS_OF_ROW_BYTES
  /** get() then put() of one key is the usual step; the second finds the entry here. */
  #last: Entry<V>
  /** The key that get() has just found to be absent. It has no cached entry: most such keys are put at once, or never. */
  #missing: Entry<V> | null = null

  constructor(options: RowLayersOptions<V>) {
    this.#options = options
    this.#backend = options.backend
    this.#cache = new ObjectCache(options.budget)
    this.#fresh = options.ordered ? new FreshKeys(() => this.#freshKeys()) : null
    this.#last = new Entry<V>('', null, null)
    const { backend, format } = options
    this.reads = new CommittedRows({ backend, format, cache: this.#cache, settling: () => this.#settling })
  }

  /** Returns the row that processing sees. */
  get(key: string): Row<V> | null {
    const entry = this.#cache.get(key)
    if (entry === undefined) return this.#load(key)
    if (!entry.visited) entry.visited = true
    this.#last = entry
    return entry.current as Row<V> | null
  }

  /** Returns the row that the last flush passed on, or did not need to; without caching, what get() returns. */
  getFlushed(key: string): Row<V> | null {
    const entry = this.#cache.get(key)
    return entry === undefined || (entry.state & UNFLUSHED) === 0 ? this.get(key) : this.#flushedRow(entry)
  }

  /** Writes to the live layer. null deletes; `timestamp` is the time of the delete. */
  put(key: string, row: Row<V> | null, timestamp: number): void {
    let entry = this.#last
    if (entry.key !== key || entry.dead) {
      entry = this.#cache.get(key) ?? this.#uncached(key)
      this.#last = entry
    }
    if ((entry.state & LIVE) === 0) this.#makeLive(entry)
    if (this.#options.caching) this.#noteForFlush(entry)
    entry.current = row
    entry.deletedAt = timestamp
  }

  /**
   * Removes an expired row, without a flush downstream; `loggedAt` is the time of the changelog's tombstone. Nothing reads the
   * row again.
   */
  drop(key: string, loggedAt: number): void {
    const entry = this.#cache.get(key) ?? this.#uncached(key)
    if ((entry.state & LIVE) === 0) this.#makeLive(entry)
    entry.current = null
    entry.visited = false
    entry.deletedAt = loggedAt
  }

  /** Like get(), but leaves the cache as it is. */
  peek(key: string): Row<V> | null {
    const entry = this.#cache.get(key)
    return entry === undefined ? this.#read(key) : (entry.current as Row<V> | null)
  }

  /** Timestamp of the row that processing sees, without reading its value; null = absent. */
  timestampOf(key: string): number | null {
    const entry = this.#cache.get(key)
    if (entry !== undefined) return entry.current == null ? null : entry.current.timestamp
    const bytes = this.#backend.get(key)
    return bytes === undefined ? null : rowTimestamp(bytes)
  }

  /** Keys that processing may see in the range, ascending or descending; get() of some may be null. */
  keys(range: KeyRange): Iterable<string> {
    const committed = this.#backend.keys(range)
    return this.#fresh === null || this.#fresh.size === 0
      ? committed
      : mergeKeys(committed, this.#fresh.iterate(range), range.reverse === true)
  }

  /** Rows that processing sees in the range. */
  *rows(range: KeyRange): Generator<readonly [key: string, row: Row<V>]> {
    for (const key of this.keys(range)) {
      const row = this.get(key)
      if (row !== null) yield [key, row]
    }
  }

  dirtyBytes(): number {
    return this.#liveBytes + this.#frozenBytes
  }

  dirtyEntries(): number {
    return this.#live.length
  }

  /** Passes on what changed since the last flush, in order of the last put, until nothing is left. */
  flush(listener: FlushListener<V> | null): void {
    this.#flushing = true
    while (this.#unflushed.length > 0) {
      const batch = this.#unflushed
      this.#unflushed = []
      for (const entry of inOrderOfPut(batch)) {
        const oldRow = listener === null ? null : this.#flushedRow(entry)
        const { headers } = entry
        entry.flushed = undefined
        entry.headers = NO_HEADERS
        entry.state &= ~UNFLUSHED
        if (listener === null) continue
        const newRow = entry.current as Row<V> | null
        // The row was added and deleted between two flushes: downstream never got it.
        if (newRow === null && oldRow === null) continue
        listener(entry.key, newRow, oldRow, newRow === null ? entry.deletedAt : newRow.timestamp, headers)
      }
    }
    this.#flushing = false
  }

  freeze(sink: RowSink): void {
    if (this.#failed !== null) throw this.#unusable()
    if (this.#frozen !== null || this.#settling !== null)
      throw new Error('freeze() was called while another layer is still frozen')
    if (this.#unflushed.length > 0 || this.#flushing) throw new Error('freeze() without flush()')
    const { format, logging, tellsBefore } = this.#options
    const frozen = this.#live
    this.#live = []
    this.#frozen = frozen
    this.#liveBytes = 0
    let bytes = 0
    for (const entry of frozen) {
      entry.state = FROZEN
      entry.frozen = entry.current
      const row = entry.current as Row<V> | null
      const existed = entry.committed === undefined ? undefined : entry.committed !== null
      // There was no row and there is none: neither changelog nor backend need the change.
      if (row === null && existed === false && !this.#options.logsAllDeletes) continue
      const encodable = row === null ? null : toEncodable(format, row)
      if (logging) {
        const before = tellsBefore ? this.#committedValue(entry) : null
        if (encodable !== null) sink(entry.key, encodable.value, encodable.timestamp, encodable.headers, false, before)
        else sink(entry.key, null, entry.deletedAt, NO_HEADERS, true, before)
      }
      const rowBytes = encodable === null ? 0 : encodable.length
      entry.bytes = entryBytes(entry.key, rowBytes)
      bytes += rowBytes + entry.bytes
      this.#changes.push({ key: entry.key, row: encodable, existed })
    }
    this.#frozenBytes = bytes
    if (this.#changes.length > 0) this.#averageRowBytes = Math.ceil(bytes / this.#changes.length)
  }

  async settle(position: number, note?: string): Promise<void> {
    const frozen = this.#frozen
    if (frozen === null) throw new Error('settle() without freeze()')
    if (this.#watchers.size > 0) this.#tell(frozen)
    for (const entry of frozen) {
      entry.committed = entry.frozen
      entry.isLoaded = false
      entry.frozen = undefined
    }
    const changes = this.#changes
    this.#frozen = null
    this.#settled = frozen
    this.#changes = []
    this.#settling = this.#write(changes, position, note)
    try {
      await this.#settling
    } catch (error) {
      this.#failed = error
      throw error
    } finally {
      this.#settling = null
      this.#frozenBytes = 0
    }
    this.#settled = []
    for (const entry of frozen) {
      entry.state &= ~FROZEN
      if (entry.state === 0) this.#makeClean(entry)
    }
    this.#fresh?.relax()
  }

  discard(): void {
    const dropped = this.#frozen === null ? this.#live : this.#frozen.concat(this.#live)
    // Rows that settle() is writing are committed and stay FROZEN until they are written.
    const lost = this.#frozen === null ? LIVE | UNFLUSHED : LIVE | UNFLUSHED | FROZEN
    this.#live = []
    this.#frozen = null
    this.#changes = []
    this.#unflushed = []
    this.#flushing = false
    this.#liveBytes = 0
    if (this.#settling === null) this.#frozenBytes = 0
    for (const entry of dropped) {
      if (entry.state === 0) continue // the entry was in both layers
      entry.state &= ~lost
      entry.flushed = undefined
      entry.headers = NO_HEADERS
      entry.frozen = undefined
      if (entry.committed !== undefined) entry.current = entry.committed
      if (entry.state === 0) this.#makeClean(entry)
    }
  }

  /** Applies committed rows from the changelog. There must be no dirty rows. @param changes nobody else writes to their bytes */
  async restore(changes: readonly EncodableChange[], position: number, note?: string): Promise<void> {
    if (this.#live.length > 0 || this.#frozen !== null || this.#settling !== null) {
      throw new Error('restore() was called on a store with uncommitted rows')
    }
    this.#missing = null
    for (const { key } of changes) {
      const entry = this.#cache.get(key)
      if (entry !== undefined) this.#cache.remove(entry)
    }
    const before = this.#watchers.size === 0 ? [] : changes.map(({ key }) => this.reads.get(key))
    // Scans wait for this write, as they do in settle().
    this.#settling = this.#write(changes, position, note)
    try {
      await this.#settling
    } finally {
      this.#settling = null
    }
    if (this.#watchers.size === 0) return
    changes.forEach(({ key, row }, i) => {
      const after = row === null ? null : fromBytes(this.#options.format, rowBuffer(row))
      for (const watcher of this.#watchers) watcher.committed(key, before[i] ?? null, after)
    })
  }

  watch(watcher: CommitWatcher<V>): void {
    this.#watchers.add(watcher)
  }

  unwatch(watcher: CommitWatcher<V>): void {
    this.#watchers.delete(watcher)
  }

  /** Drops everything, committed rows too. */
  async wipe(): Promise<void> {
    this.discard()
    this.#cache.clear()
    await this.#backend.clear()
    for (const watcher of this.#watchers) watcher.cleared()
  }

  async close(): Promise<void> {
    try {
      await this.#settling
    } catch {
      // settle() has reported it to its caller.
    }
    this.discard()
    this.#cache.close()
    this.#fresh?.clear()
    await this.#backend.close()
  }

  /** Called before `committed` of the entries is set. */
  #tell(frozen: readonly Entry<V>[]): void {
    for (const { key, committed, frozen: row } of frozen) {
      const before = committed === undefined ? this.#read(key) : committed
      for (const watcher of this.#watchers) watcher.committed(key, before, row as Row<V> | null)
    }
  }

  #load(key: string): Row<V> | null {
    const bytes = this.#backend.get(key)
    if (bytes === undefined) {
      const missing = new Entry<V>(key, null, null)
      missing.bytes = entryBytes(key, 0)
      this.#missing = missing
      return null
    }
    const row = fromBytes(this.#options.format, bytes)
    const entry = new Entry<V>(key, row, row)
    entry.isLoaded = true
    entry.bytes = entryBytes(key, bytes.length)
    this.#cache.addClean(entry)
    this.#last = entry
    return row
  }

  /** A new entry for a key without one; the caller puts it into the cache. */
  #uncached(key: string): Entry<V> {
    const missing = this.#missing
    this.#missing = null
    return missing?.key === key ? missing : new Entry<V>(key, undefined, undefined)
  }

  /** Invariant 6. */
  *#freshKeys(): Generator<string> {
    for (const { key } of this.#settled) yield key
    for (const entry of this.#frozen ?? []) if (!staysCommitted(entry)) yield entry.key
    for (const entry of this.#live) if (!staysCommitted(entry)) yield entry.key
  }

  /** The bytes that are in backend and changelog: this serde may write the same value in another form. */
  #committedValue({ key, committed, isLoaded }: Entry<V>): RowValue | null {
    if (committed === null) return null
    if (committed === undefined || isLoaded) {
      const bytes = this.#backend.get(key)
      return bytes === undefined ? null : decodeRow(bytes).value
    }
    return writtenValue(this.#options.format, committed.value)
  }

  #read(key: string): Row<V> | null {
    const bytes = this.#backend.get(key)
    return bytes === undefined ? null : fromBytes(this.#options.format, bytes)
  }

  /** Takes an entry that changed since the last flush. A row that was written without having been read is looked up. */
  #flushedRow({ key, flushed }: Entry<V>): Row<V> | null {
    return flushed === undefined ? this.reads.get(key) : flushed
  }

  #makeLive(entry: Entry<V>): void {
    if (entry.state === 0) this.#cache.toDirty(entry)
    entry.state |= LIVE
    this.#live.push(entry)
    this.#liveBytes += entry.bytes === 0 ? this.#averageRowBytes : entry.bytes
    if (this.#fresh !== null && !staysCommitted(entry)) this.#fresh.add(entry.key)
  }

  #noteForFlush(entry: Entry<V>): void {
    entry.order = ++this.#puts
    // The headers are not copied: views stay valid while they are referenced, and flush releases this one.
    entry.headers = this.#options.recordHeaders()
    if ((entry.state & UNFLUSHED) !== 0) return
    // Unknown for a key written without having been read: flush() looks it up.
    entry.flushed = entry.current
    entry.state |= UNFLUSHED
    this.#unflushed.push(entry)
  }

  #makeClean(entry: Entry<V>): void {
    this.#fresh?.delete(entry.key)
    // An absent row keeps its place in the cache only while it is asked for.
    const isForgotten = entry.committed == null && !entry.visited
    if (entry.committed === undefined || isForgotten) this.#cache.remove(entry)
    else this.#cache.toRing(entry)
  }

  async #write(writes: readonly BackendWrite[], position: number, note?: string): Promise<void> {
    const nothingNew = note === undefined || note === this.#backend.note()
    if (writes.length === 0 && nothingNew && position === this.#backend.position()) return
    await this.#backend.write(writes, position, note)
  }

  #unusable(): StoreClosedError {
    return new StoreClosedError(this.#options.name, 'could not be written', { cause: this.#failed })
  }
}

/** The backend has the key, and no commit in flight deletes it. What the write under way brings stays in `fresh` until its end. */
function staysCommitted<V>({ committed, state, frozen }: Entry<V>): boolean {
  return committed != null && ((state & FROZEN) === 0 || frozen !== null)
}

/** Entries were noted at their first put; their last put decides (as Kafka Streams' cache does). */
function inOrderOfPut<V>(entries: Entry<V>[]): Entry<V>[] {
  return entries.sort((a, b) => a.order - b.order)
}
