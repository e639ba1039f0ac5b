import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import { type Change, change } from './change.ts'
import { TableForwarder } from './table-forwarder.ts'
import { storeView, type TableOperator, type ValueGetterSupplier } from './table-operator.ts'
import { openTableStore, type TableStore, type TableStoreOptions } from './table-store.ts'

/** Turns a stream of upserts into a table. It has a store only if it was named or an operator reads it. */
export class TableSource<K, V> implements TableOperator<K, V, K, V> {
  readonly store: TableStoreOptions
  #materialized: boolean
  #sendOldValues = false

  constructor(store: TableStoreOptions, options: { readonly materialized: boolean }) {
    this.store = store
    this.#materialized = options.materialized
  }

  get materialized(): boolean {
    return this.#materialized
  }

  readonly supplier: ProcessorSupplier<K, V, K, Change<V>> = () =>
    this.#materialized
      ? new MaterializedTableSource<K, V>(this.store, this.#sendOldValues)
      : new PassingTableSource<K, V>()

  enableSendingOldValues(forceMaterialization: boolean): boolean {
    if (!forceMaterialization && !this.#materialized) return false
    this.#sendOldValues = true
    this.#materialized = true
    return true
  }

  view(): ValueGetterSupplier<K, V> {
    this.#materialized = true
    return storeView(this.store)
  }
}

class PassingTableSource<K, V> implements Processor<K, V, K, Change<V>> {
  #context!: ProcessorContext<K, Change<V>>

  init(context: ProcessorContext<K, Change<V>>): void {
    this.#context = context
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, V>): void {
    if (key === null) this.#context.drop('null-key')
    else this.#context.forward(record(key, change(value, null), timestamp, headers))
  }
}

class MaterializedTableSource<K, V> implements Processor<K, V, K, Change<V>> {
  readonly #options: TableStoreOptions
  readonly #sendOldValues: boolean
  #context!: ProcessorContext<K, Change<V>>
  #store!: TableStore<K, V>
  #forwarder!: TableForwarder<K, V>

  constructor(options: TableStoreOptions, sendOldValues: boolean) {
    this.#options = options
    this.#sendOldValues = sendOldValues
  }

  init(context: ProcessorContext<K, Change<V>>): void {
    const { name, caching } = this.#options
    this.#context = context
    this.#store = openTableStore(context, this.#options)
    this.#forwarder = new TableForwarder(context, { storeName: name, caching, sendOldValues: this.#sendOldValues })
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, V>): void {
    if (key === null) {
      this.#context.drop('null-key')
      return
    }
    const oldValue = this.#store.get(key)?.value ?? null
    const put = this.#store.put(key, value, timestamp)
    this.#forwarder.forward(key, { newValue: value, oldValue, put }, timestamp, headers)
  }
}
