import type { Headers } from './headers.ts'
import type { KeptNumber } from './kept-number.ts'
import type { RowsQuestion, StoredRow } from './questions.ts'
import type { Serialized } from './serde.ts'
import type { StateStore } from './stores.ts'

/** Stream time and the record being processed, as a store needs them. Owned by the task, read by its stores. */
export interface StoreContext {
  /** Greatest record timestamp the task has seen, epoch ms; -1 before the first record. */
  streamTime(): number
  /** Timestamp of the record being processed (epoch ms). Stores ask before each write. @throws UserCodeError when there is none */
  recordTimestamp(): number
  /** Headers of the record being processed. */
  recordHeaders(): Headers
}

/** A changed row as a cached store forwards it at flush. Null = absent. */
export interface FlushedChange<K, V> {
  readonly key: K
  readonly newValue: V | null
  /** The value that the store held when the entry was last flushed (or committed). */
  readonly oldValue: V | null
  readonly timestamp: number
  readonly headers: Headers
}

/** Receives the changelog records of a frozen layer. `key` is raw bytes (binary string) of the storage key. */
export type ChangelogSink = (key: string, value: Serialized | null, timestamp: number, headers: Headers) => void

/** One record read back from a changelog topic. */
export interface RestoredRecord {
  readonly key: Buffer
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: Headers
}

/**
 * A store as the commit cycle drives it. Life: restore* -> (puts -> flush -> freeze -> settle | discard)* -> close.
 * Layers: live (epoch N+1), frozen (epoch N, commit in flight), cache of committed rows, backend.
 */
export interface ManagedStore {
  readonly name: string
  /** The typed API the processors use. */
  readonly api: StateStore
  /** A number of StoreSpec.keptNumbers. Throws StreamsTopologyError for any other. */
  kept(name: string): KeptNumber
  /** Next changelog offset to restore from; null = from the beginning. */
  position(): number | null
  /**
   * Time when the store was last known to be at the end of its changelog, epoch ms by this machine's clock; null = not known.
   * Later deletes may be compacted away some time after that.
   */
  asOf(): number | null
  /** Applies a run of changelog records, the position after them and `asOf` in one atomic step. */
  restore(records: readonly RestoredRecord[], position: number, asOf?: number): Promise<void>
  /** The changelog has been read to its end: what waits for the disk begins to be written. A crash need not restore it again. */
  restored(): Promise<void>
  /** Empties the store, backend and position included (its changelog must be read from the beginning). */
  wipe(): Promise<void>
  /** For caching stores: the listener gets the changed rows at flush. */
  onFlush(listener: (change: FlushedChange<unknown, unknown>) => void): void
  /** Forwards rows changed since the last flush, until none is left. Called before freeze. */
  flush(): void
  /** Estimated bytes held by live and frozen layers. */
  dirtyBytes(): number
  /** Rows changed in the live layer; kept numbers that have grown count as one. */
  dirtyEntries(): number
  /**
   * The live layer becomes frozen (there must be no frozen layer) and a new live layer starts. Passes every changed row to the
   * sink, serialised once; none when logging is off.
   */
  freeze(sink: ChangelogSink): void
  /** The commit succeeded: writes frozen rows and the position to the backend in one atomic batch, then to the cache. */
  settle(position: number, asOf?: number): Promise<void>
  /** The commit failed or the task is lost: drops both layers; cached committed rows stay valid. */
  discard(): void
  /** Committed rows for queries, without live or in-flight rows. */
  readonly committed: CommittedView
  close(): Promise<void>
}

/**
 * Read side for interactive queries: committed data only. Keys are binary strings of what the key serde writes. Throws
 * StreamsConfigError for a question that another kind of store answers.
 */
export interface CommittedView {
  /** Returns what the store's API would give for the key: a value, ValueAndTimestamp, VersionedRecord; null when absent. */
  get(key: string): unknown
  /** The same row as the serdes wrote it. */
  row(key: string): StoredRow | null
  /** Rows in the order that the type of question states. */
  rows(question: RowsQuestion): Promise<readonly StoredRow[]>
  approximateEntries(): number
  /**
   * Asks the store's secondary index (StoreSpec.index), which the first question builds by reading all rows. Absent when it
   * has none. Throws StreamsConfigError for a question it does not declare.
   */
  ask?(question: string, params: unknown): Promise<unknown>
}
