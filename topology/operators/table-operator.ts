import type { ValueAndTimestamp } from '../../state/ports/stores.ts'
import type { ProcessorContext, ProcessorSupplier } from '../processor.ts'
import type { Change } from './change.ts'
import { openTableStore, type TableStore, type TableStoreOptions } from './table-store.ts'

/** Reads current values of a table from inside another processor: from its store, or computed from its parent's. */
export interface ValueGetter<K, V> {
  get(key: K): ValueAndTimestamp<V> | null
  /**
   * The row of which the table's own changes tell: what was changed since the last flush is not in it. For operators that act on a row
   * between two flushes and rely on it that its next change comes: a row that comes and goes between them has no change.
   */
  getForwarded(key: K): ValueAndTimestamp<V> | null
  getAsOf(key: K, timestamp: number): ValueAndTimestamp<V> | null
  readonly versioned: boolean
}

export interface ValueGetterSupplier<K, V> {
  /** Stores that a processor must be connected to before it may open the getter. */
  readonly storeNames: readonly string[]
  open(context: ProcessorContext): ValueGetter<K, V>
}

/** The table above, as a downstream operator needs it. */
export interface TableParent<K, V> {
  /** Requests old values. `forceMaterialization`: make a store for them if necessary. Returns whether they will come. */
  enableSendingOldValues(forceMaterialization: boolean): boolean
  /** May materialise the table. */
  view(): ValueGetterSupplier<K, V>
}

/**
 * The operator behind a KTable. It exists while the topology is being built, and later calls of the DSL may still
 * change what it does: whether it sends old values, whether it is materialised.
 */
export interface TableOperator<KIn, VIn, K, V> extends TableParent<K, V> {
  readonly supplier: ProcessorSupplier<KIn, VIn, K, Change<V>>
}

/** View of a table that has a store. */
export function storeView<K, V>(options: TableStoreOptions): ValueGetterSupplier<K, V> {
  return {
    storeNames: [options.name],
    open(context): ValueGetter<K, V> {
      const store: TableStore<K, V> = openTableStore(context, options)
      return {
        versioned: options.versioned,
        get: (key) => store.get(key),
        getForwarded: (key) => store.getForwarded(key),
        getAsOf: (key, timestamp) => store.getAsOf(key, timestamp),
      }
    },
  }
}

/**
 * View of a table without a store: its values are computed from the parent's on each read. `computer` makes the function once per
 * processor that opens the view.
 */
export function derivedView<K, VIn, V>(
  parent: ValueGetterSupplier<K, VIn>,
  computer: (context: ProcessorContext) => (key: K, row: ValueAndTimestamp<VIn> | null) => ValueAndTimestamp<V> | null,
): ValueGetterSupplier<K, V> {
  return {
    storeNames: parent.storeNames,
    open(context): ValueGetter<K, V> {
      const getter = parent.open(context)
      const compute = computer(context)
      return {
        versioned: getter.versioned,
        get: (key) => compute(key, getter.get(key)),
        getForwarded: (key) => compute(key, getter.getForwarded(key)),
        getAsOf: (key, timestamp) => compute(key, getter.getAsOf(key, timestamp)),
      }
    },
  }
}
