import type { OpenBackends, StateBackend } from '../state/ports/backend.ts'
import { StreamsTopologyError } from '../state/ports/errors.ts'
import type { Serde } from '../state/ports/serde.ts'
import type { StoreIndexSpec } from '../state/ports/store-index.ts'
import type { KeyValueSpec, SessionSpec, VersionedSpec, WindowSpec } from '../state/ports/store-spec.ts'
import { aSerde, aWholeNumber, wholeNumberOrNone } from './given.ts'
import { validateName } from './names.ts'
import { type ValueVersions, versionedValues } from './versioned-values.ts'

/*
 * Stores for processors, as Kafka Streams' `Stores` makes them: what is left out has its default. Add them to a builder
 * (addStateStore) or hand them to process().
 */

interface StoreOptions<K, V> extends ValueVersions<V> {
  readonly name: string
  readonly keySerde: Serde<K>
  readonly valueSerde: Serde<V>
  /** Keep a changelog topic (default true). Without one the store is empty after its disk is lost. */
  readonly logging?: boolean
  readonly changelogConfig?: Readonly<Record<string, string>>
  /**
   * The promise that the processor never changes a value in place, neither one it has put nor one it was given (default false). The
   * store then keeps and hands out the objects themselves instead of copies made by the serde.
   */
  readonly immutableValues?: boolean
  /** Where its committed rows are: `level` or `rocksdb` (disk), `memory`, or a backend of your own (default: STATE_BACKEND). */
  readonly backend?: StateBackend | OpenBackends
  /** Carry record headers with each row (default false). */
  readonly headers?: boolean
  /** Numbers that processors keep with the store (ProcessorContext.keptNumber): a-z, 0-9 and -, at most 100 of 40 characters. */
  readonly keptNumbers?: readonly string[]
}

export interface KeyValueStoreOptions<K, V> extends StoreOptions<K, V> {
  /** Rows not written for longer than this (ms of stream time) are gone. */
  readonly ttlMs?: number | undefined
  /** Rows have the timestamp of their record: the store is a TimestampedKeyValueStore (default false). */
  readonly timestamped?: boolean
  /** range() and all() work; the keys are therefore kept in memory (default true). */
  readonly scan?: boolean
  /**
   * Secondary indexes of the committed rows for queries, each in memory from the first question to it on. No two answer questions of
   * one name. Excludes ttlMs.
   */
  readonly index?: StoreIndexSpec | readonly StoreIndexSpec[]
  /**
   * For values that grow: the serde writes parts (packParts, appendPart; PartsSerde, growParts), and a commit writes
   * only those parts that changed to the changelog, each as a record of its own (default false). A store may begin with it later, when
   * no value so far began with a byte 1. Excludes `version`.
   */
  readonly changelogParts?: boolean
}

export interface WindowStoreOptions<K, V> extends StoreOptions<K, V> {
  readonly windowSizeMs: number
  readonly retentionMs: number
  /** Keep several rows of one key and start (default false). */
  readonly retainDuplicates?: boolean
}

/** Latest value per key. */
export function keyValueStore<K, V>(options: KeyValueStoreOptions<K, V>): KeyValueSpec {
  const { timestamped = false, scan = true, ttlMs, index, changelogParts = false } = options
  if (changelogParts && options.version !== undefined)
    throw new StreamsTopologyError(`store ${options.name}: changelogParts and version exclude each other`)
  const store = base(options)
  wholeNumberOrNone(`ttlMs of store ${store.name}`, ttlMs, 0)
  return { ...store, kind: 'key-value', timestamped, scan, ttlMs, index, changelogParts }
}

/** Rows by key and window start. */
export function windowStore<K, V>(options: WindowStoreOptions<K, V>): WindowSpec {
  const { windowSizeMs, retentionMs, retainDuplicates = false } = options
  const store = base(options)
  aWholeNumber(`windowSizeMs of store ${store.name}`, windowSizeMs, 0)
  aWholeNumber(`retentionMs of store ${store.name}`, retentionMs, 0)
  return { ...store, kind: 'window', timestamped: false, windowSizeMs, retentionMs, retainDuplicates }
}

/** Sessions of a key. */
export function sessionStore<K, V>(options: StoreOptions<K, V> & { readonly retentionMs: number }): SessionSpec {
  const store = base(options)
  const retentionMs = aWholeNumber(`retentionMs of store ${store.name}`, options.retentionMs, 0)
  return { ...store, kind: 'session', retentionMs }
}

/** Latest value per key and its past versions, for asOf reads (KIP-889). */
export function versionedStore<K, V>(
  options: StoreOptions<K, V> & { readonly historyRetentionMs: number },
): VersionedSpec {
  const store = base(options)
  const historyRetentionMs = aWholeNumber(`historyRetentionMs of store ${store.name}`, options.historyRetentionMs, 0)
  return { ...store, kind: 'versioned', historyRetentionMs }
}

function base<K, V>(options: StoreOptions<K, V>) {
  const {
    name,
    keySerde,
    valueSerde,
    logging = true,
    changelogConfig,
    headers,
    keptNumbers,
    immutableValues,
    backend,
  } = options
  // The plan erases types; the processor names them again at context.store().
  validateName(name)
  aSerde(`keySerde of store ${name}`, keySerde)
  const rows = versionedValues(name, aSerde(`valueSerde of store ${name}`, valueSerde), options)
  const erased = { keySerde: keySerde as Serde<unknown>, valueSerde: rows as Serde<unknown> }
  return { name, ...erased, logging, changelogConfig, caching: false, headers, keptNumbers, immutableValues, backend }
}
