import type { Headers } from './headers.ts'
import type { Serde } from './serde.ts'

/** A stored value with the timestamp (epoch ms) and headers of the record that wrote it. Immutable once stored. */
export interface ValueAndTimestamp<V> {
  readonly value: V
  readonly timestamp: number
  /** Present only when the store keeps headers. */
  readonly headers?: Headers | undefined
}

export interface StateStore {
  readonly name: string
}

/** Operators use this with stores whose values user code may change in place. Every store of state/ has it. */
export interface CopyingStore extends StateStore {
  /** A copy made by the value's serde; the value itself in stores declared immutable. */
  copyOf<V>(value: V): V
}

/** Operators use this with tables that cache. Every store of state/ that can cache has it. */
export interface FlushedRows<K, V> {
  /** The row as downstream operators know it: changes since the last flush are not in it. */
  getFlushed(key: K): V | null
}

/** Absent is null, everywhere, as in Kafka Streams. Values are immutable once stored: never mutate what get returns. */
export interface ReadOnlyKeyValueStore<K, V> extends StateStore {
  get(key: K): V | null
  /** Both bounds inclusive, in byte order of the serialised keys; null = unbounded. */
  range(from: K | null, to: K | null): Iterable<readonly [K, V]>
  reverseRange(from: K | null, to: K | null): Iterable<readonly [K, V]>
  all(): Iterable<readonly [K, V]>
  /**
   * Rows whose serialised keys begin with the bytes of the prefix, in byte order. The serde of the prefix may be another than that of the
   * keys; it gets the same topic.
   */
  prefixScan<P>(prefix: P, prefixSerde: Pick<Serde<P>, 'serialize' | 'name'>): Iterable<readonly [K, V]>
  approximateNumEntries(): number
}

export interface KeyValueStore<K, V> extends ReadOnlyKeyValueStore<K, V> {
  /** null deletes. */
  put(key: K, value: V | null): void
  /** Writes only when absent; returns the value found before (null = was absent). */
  putIfAbsent(key: K, value: V): V | null
  /** Returns the deleted value (null = none). */
  delete(key: K): V | null
}

export type TimestampedKeyValueStore<K, V> = KeyValueStore<K, ValueAndTimestamp<V>>

/** A time window [start, end) in epoch ms (session windows: end inclusive, as in Kafka Streams). */
export interface Window {
  readonly start: number
  readonly end: number
}

/** A key within a window. */
export interface Windowed<K> {
  readonly key: K
  readonly window: Window
}

/** Rows addressed by key and window start; rows older than retention (by observed stream time) are gone. */
export interface WindowStore<K, V> extends StateStore {
  put(key: K, value: V | null, windowStart: number): void
  fetch(key: K, windowStart: number): V | null
  /** Rows of one key with start in [from, to], ascending by start. */
  fetchRange(key: K, from: number, to: number): Iterable<readonly [windowStart: number, value: V]>
  backwardFetchRange(key: K, from: number, to: number): Iterable<readonly [windowStart: number, value: V]>
  /** Rows of all keys with start in [from, to]; ordered by start, then key bytes. */
  fetchAll(from: number, to: number): Iterable<readonly [Windowed<K>, V]>
  all(): Iterable<readonly [Windowed<K>, V]>
}

/** Sessions of a key: windows with inclusive end. */
export interface SessionStore<K, V> extends StateStore {
  put(session: Windowed<K>, value: V | null): void
  remove(session: Windowed<K>): void
  fetchSession(key: K, start: number, end: number): V | null
  /** Sessions of the key with end >= earliestEnd and start <= latestStart, ascending by end. */
  findSessions(key: K, earliestEnd: number, latestStart: number): Iterable<readonly [Windowed<K>, V]>
  /** All sessions of a key. */
  fetch(key: K): Iterable<readonly [Windowed<K>, V]>
  /** All sessions, by end then key. */
  all(): Iterable<readonly [Windowed<K>, V]>
}

/** A value that was valid from `timestamp` until `validTo` (null = still). */
export interface VersionedRecord<V> {
  readonly value: V
  readonly timestamp: number
  readonly validTo: number | null
}

/** Key-value store that remembers past versions for `historyRetention` ms (KIP-889). */
export interface VersionedKeyValueStore<K, V> extends StateStore {
  /** Returns validTo of the written version, null when it is the latest; undefined when older than history retention (dropped). */
  put(key: K, value: V | null, timestamp: number): number | null | undefined
  delete(key: K, timestamp: number): VersionedRecord<V> | null
  get(key: K): VersionedRecord<V> | null
  /** The version valid at that time; null if none or outside history retention. */
  getAsOf(key: K, asOf: number): VersionedRecord<V> | null
}
