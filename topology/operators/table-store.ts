import type {
  CopyingStore,
  FlushedRows,
  TimestampedKeyValueStore,
  ValueAndTimestamp,
  VersionedKeyValueStore,
} from '../../state/ports/stores.ts'
import type { ProcessorContext } from '../processor.ts'

/** Settings of a table's store; known when the topology is built. */
export interface TableStoreOptions {
  readonly name: string
  /** Remembers past versions (KIP-889). */
  readonly versioned: boolean
  /** The store forwards changes at the commit, instead of the operator forwarding each. */
  readonly caching: boolean
}

/** The outcome of a put: it is the latest version, an older one, or too old to be kept. */
export type PutResult = 'latest' | 'late' | 'dropped'

/** One interface for the two kinds of stores a KTable can have. */
export interface TableStore<K, V> {
  get(key: K): ValueAndTimestamp<V> | null
  /** The row as downstream operators know it: a caching store passes changes on at the commit. */
  getForwarded(key: K): ValueAndTimestamp<V> | null
  /** The version valid at that time; stores without versions return the latest value. */
  getAsOf(key: K, timestamp: number): ValueAndTimestamp<V> | null
  put(key: K, value: V | null, timestamp: number): PutResult
  /** A copy that later changes in place do not affect. */
  copyOf(value: V | null): V | null
}

export function openTableStore<K, V>(context: ProcessorContext, options: TableStoreOptions): TableStore<K, V> {
  return options.versioned
    ? new VersionedTableStore(context.store<VersionedKeyValueStore<K, V> & CopyingStore>(options.name))
    : new TimestampedTableStore(context.store<TimestampedRows<K, V>>(options.name))
}

type TimestampedRows<K, V> = TimestampedKeyValueStore<K, V> & CopyingStore & FlushedRows<K, ValueAndTimestamp<V>>

class TimestampedTableStore<K, V> implements TableStore<K, V> {
  readonly #store: TimestampedRows<K, V>

  constructor(store: TimestampedRows<K, V>) {
    this.#store = store
  }

  copyOf(value: V | null): V | null {
    return this.#store.copyOf(value)
  }

  get(key: K): ValueAndTimestamp<V> | null {
    return this.#store.get(key)
  }

  getForwarded(key: K): ValueAndTimestamp<V> | null {
    return this.#store.getFlushed(key)
  }

  getAsOf(key: K): ValueAndTimestamp<V> | null {
    return this.#store.get(key)
  }

  put(key: K, value: V | null, timestamp: number): PutResult {
    this.#store.put(key, value === null ? null : { value, timestamp })
    return 'latest'
  }
}

class VersionedTableStore<K, V> implements TableStore<K, V> {
  readonly #store: VersionedKeyValueStore<K, V> & CopyingStore

  constructor(store: VersionedKeyValueStore<K, V> & CopyingStore) {
    this.#store = store
  }

  copyOf(value: V | null): V | null {
    return this.#store.copyOf(value)
  }

  get(key: K): ValueAndTimestamp<V> | null {
    return this.#store.get(key)
  }

  /** Versions are never cached. */
  getForwarded(key: K): ValueAndTimestamp<V> | null {
    return this.#store.get(key)
  }

  getAsOf(key: K, timestamp: number): ValueAndTimestamp<V> | null {
    return this.#store.getAsOf(key, timestamp)
  }

  put(key: K, value: V | null, timestamp: number): PutResult {
    const validTo = this.#store.put(key, value, timestamp)
    if (validTo === undefined) return 'dropped'
    return validTo === null ? 'latest' : 'late'
  }
}
