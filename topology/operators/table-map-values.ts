import type { ValueAndTimestamp } from '../../state/ports/stores.ts'
import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import { type Change, change } from './change.ts'
import { TableForwarder } from './table-forwarder.ts'
import {
  derivedView,
  storeView,
  type TableOperator,
  type TableParent,
  type ValueGetterSupplier,
} from './table-operator.ts'
import { openTableStore, type TableStore, type TableStoreOptions } from './table-store.ts'

export interface TableMapValuesOptions<K, V, VR> {
  readonly parent: TableParent<K, V>
  readonly mapper: (value: V, key: K) => VR | null
  /** null: the result has no store of its own. */
  readonly store: TableStoreOptions | null
}

/** The rows of a table with their values mapped; a null result means there is no such row. */
export class TableMapValues<K, V, VR> implements TableOperator<K, Change<V>, K, VR> {
  readonly #options: TableMapValuesOptions<K, V, VR>
  #sendOldValues = false

  constructor(options: TableMapValuesOptions<K, V, VR>) {
    this.#options = options
  }

  readonly supplier: ProcessorSupplier<K, Change<V>, K, Change<VR>> = () =>
    new TableMapValuesProcessor(this.#options, this.#sendOldValues)

  enableSendingOldValues(forceMaterialization: boolean): boolean {
    if (this.#options.store !== null || this.#options.parent.enableSendingOldValues(forceMaterialization))
      this.#sendOldValues = true
    return this.#sendOldValues
  }

  view(): ValueGetterSupplier<K, VR> {
    const { store, parent, mapper } = this.#options
    if (store !== null) return storeView(store)
    const mapRow = (key: K, row: ValueAndTimestamp<V> | null): ValueAndTimestamp<VR> | null => {
      if (row === null) return null
      const value = mapper(row.value, key)
      return value === null ? null : { value, timestamp: row.timestamp }
    }
    return derivedView(parent.view(), () => mapRow)
  }
}

class TableMapValuesProcessor<K, V, VR> implements Processor<K, Change<V>, K, Change<VR>> {
  readonly #options: TableMapValuesOptions<K, V, VR>
  readonly #sendOldValues: boolean
  #context!: ProcessorContext<K, Change<VR>>
  #store: TableStore<K, VR> | null = null
  #forwarder: TableForwarder<K, VR> | null = null

  constructor(options: TableMapValuesOptions<K, V, VR>, sendOldValues: boolean) {
    this.#options = options
    this.#sendOldValues = sendOldValues
  }

  init(context: ProcessorContext<K, Change<VR>>): void {
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
    const newValue = this.#map(key, value.newValue)
    const oldValue = this.#oldValue(key, value)
    if (this.#store === null || this.#forwarder === null) {
      this.#context.forward(record(key, change(newValue, oldValue, value.isLatest), timestamp, headers))
      return
    }
    const put = this.#store.put(key, newValue, timestamp)
    this.#forwarder.forward(key, { newValue, oldValue, put }, timestamp, headers)
  }

  #map(key: K, value: V | null): VR | null {
    return value === null ? null : this.#options.mapper(value, key)
  }

  #oldValue(key: K, value: Change<V>): VR | null {
    if (!this.#sendOldValues) return null
    return this.#store === null ? this.#map(key, value.oldValue) : (this.#store.get(key)?.value ?? null)
  }
}
