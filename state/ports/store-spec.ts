import type { OpenBackends, StateBackend } from './backend.ts'
import type { Serde } from './serde.ts'
import type { StoreIndexSpec } from './store-index.ts'

/**
 * The common part of all store specs. The topology declares a store, state/ builds it, runtime/ drives it.
 * Key and value types are erased here; the typed handles come from StreamsBuilder.
 */
interface StoreBase {
  readonly name: string
  readonly keySerde: Serde<unknown>
  readonly valueSerde: Serde<unknown>
  /** Topic that the serdes are given; a plan has the changelog's name here, also where there is none. Default: the store's name. */
  readonly serdeTopic?: string | undefined
  /** Keep a changelog topic (default true). */
  readonly logging: boolean
  /** Extra topic configs of the changelog. */
  readonly changelogConfig?: Readonly<Record<string, string>> | undefined
  /** Coalesce updates of a key and forward once per commit (KTable stores). */
  readonly caching: boolean
  /**
   * The promise that no value is ever changed in place, neither one that was put nor one that was read. The store then keeps and hands
   * out the objects themselves, and serialises them at the commit only. Default false: each put and each read is a copy of its own.
   */
  readonly immutableValues?: boolean | undefined
  /** Where its committed rows are. Default: STATE_BACKEND. */
  readonly backend?: StateBackend | OpenBackends | undefined
  /** Carry record headers with each row. */
  readonly headers?: boolean | undefined
  /** Numbers that processors keep with the store (ProcessorContext.keptNumber). At most MAX_KEPT_NUMBERS. */
  readonly keptNumbers?: readonly string[] | undefined
}

/** key-value: latest value per key. `scan` = range/all are used by a processor, so keep a key index. */
export interface KeyValueSpec extends StoreBase {
  readonly kind: 'key-value'
  readonly timestamped: boolean
  readonly scan: boolean
  /** Rows not written for longer than this (ms of stream time) expire; undefined = keep. */
  readonly ttlMs?: number | undefined
  /**
   * Secondary indexes of the committed rows for queries, each in memory from the first question to it on. No two answer questions of
   * one name. Excludes ttlMs.
   */
  readonly index?: StoreIndexSpec | readonly StoreIndexSpec[] | undefined
  /** Values are in parts (value-parts.ts), and the changelog has a record for each part (default false). */
  readonly changelogParts?: boolean | undefined
}

export interface WindowSpec extends StoreBase {
  readonly kind: 'window'
  readonly timestamped: boolean
  readonly retentionMs: number
  readonly windowSizeMs: number
  /** Keep several rows of the same key and start (stream-stream joins). */
  readonly retainDuplicates: boolean
}

export interface SessionSpec extends StoreBase {
  readonly kind: 'session'
  readonly retentionMs: number
}

export interface VersionedSpec extends StoreBase {
  readonly kind: 'versioned'
  readonly historyRetentionMs: number
}

export type StoreSpec = KeyValueSpec | WindowSpec | SessionSpec | VersionedSpec

/** Topic that the serdes of the store are given. */
export function serdeTopicOf({ serdeTopic, name }: StoreSpec): string {
  return serdeTopic ?? name
}
