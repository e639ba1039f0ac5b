import type { ValueAndTimestamp } from '../../state/ports/stores.ts'
import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import { type Change, change } from './change.ts'
import { holds } from './predicate.ts'
import { TableForwarder } from './table-forwarder.ts'
import {
  derivedView,
  storeView,
  type TableOperator,
  type TableParent,
  type ValueGetterSupplier,
} from './table-operator.ts'
import { openTableStore, type TableStore, type TableStoreOptions } from './table-store.ts'

export interface TableFilterOptions<K, V> {
  /** Name of the node, for errors. */
  readonly name: string
  readonly parent: TableParent<K, V>
  readonly predicate: (key: K, value: V) => boolean
  readonly wanted: boolean
  /** null: the result has no store of its own. */
  readonly store: TableStoreOptions | null
}

/** The rows of a table for which a predicate holds. */
export class TableFilter<K, V> implements TableOperator<K, Change<V>, K, V> {
  readonly #options: TableFilterOptions<K, V>
  #sendOldValues: boolean
  #versioned = false

  constructor(options: TableFilterOptions<K, V>) {
    this.#options = options
    // Old values, when the parent has them anyway, save tombstones for rows that never passed.
    this.#sendOldValues = options.parent.enableSendingOldValues(false)
  }

  readonly supplier: ProcessorSupplier<K, Change<V>, K, Change<V>> = () =>
    new TableFilterProcessor(this.#options, { sendOldValues: this.#sendOldValues, versioned: this.#versioned })

  /** A versioned parent sends late updates, and a tombstone for them is never superfluous. */
  useVersionedSemantics(versioned: boolean): void {
    this.#versioned = versioned
  }

  enableSendingOldValues(forceMaterialization: boolean): boolean {
    if (this.#options.store !== null || this.#options.parent.enableSendingOldValues(forceMaterialization))
      this.#sendOldValues = true
    return this.#sendOldValues
  }

  view(): ValueGetterSupplier<K, V> {
    const { name, store, parent, predicate, wanted } = this.#options
    if (store !== null) return storeView(store)
    const pass = (key: K, row: ValueAndTimestamp<V> | null): ValueAndTimestamp<V> | null =>
      row !== null && holds(predicate(key, row.value), name) === wanted ? row : null
    return derivedView(parent.view(), () => pass)
  }
}

class TableFilterProcessor<K, V> implements Processor<K, Change<V>, K, Change<V>> {
  readonly #options: TableFilterOptions<K, V>
  readonly #sendOldValues: boolean
  readonly #versioned: boolean
  #context!: ProcessorContext<K, Change<V>>
  #store: TableStore<K, V> | null = null
  #forwarder: TableForwarder<K, V> | null = null

  constructor(
    options: TableFilterOptions<K, V>,
    mode: { readonly sendOldValues: boolean; readonly versioned: boolean },
  ) {
    this.#options = options
    this.#sendOldValues = mode.sendOldValues
    this.#versioned = mode.versioned
  }

  init(context: ProcessorContext<K, Change<V>>): void {
    const { store } = this.#options
    this.#context = context
    if (store === null) return
    this.#store = openTableStore(context, store)
    this.#forwarder = new TableForwarder(context, {
      storeName: store.name,
      caching: store.caching,
      sendOldValues: this.#sendOldValues,
    })
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, Change<V>>): void {
    const newValue = this.#pass(key, value.newValue)
    const oldValue = this.#oldValue(key, value)
    if (!this.#versioned && this.#sendOldValues && oldValue === null && newValue === null) return
    if (this.#store === null || this.#forwarder === null) {
      this.#context.forward(record(key, change(newValue, oldValue, value.isLatest), timestamp, headers))
      return
    }
    const put = this.#store.put(key, newValue, timestamp)
    this.#forwarder.forward(key, { newValue, oldValue, put }, timestamp, headers)
  }

  #pass(key: K, value: V | null): V | null {
    if (value === null) return null
    const { name, predicate, wanted } = this.#options
    return holds(predicate(key, value), name) === wanted ? value : null
  }

  #oldValue(key: K, value: Change<V>): V | null {
    if (!this.#sendOldValues) return null
    return this.#store === null ? this.#pass(key, value.oldValue) : (this.#store.get(key)?.value ?? null)
  }
}
