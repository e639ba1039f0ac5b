import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import { type Change, change } from './change.ts'
import { TableForwarder } from './table-forwarder.ts'
import { storeView, type TableOperator, type TableParent, type ValueGetterSupplier } from './table-operator.ts'
import { openTableStore, type TableStore, type TableStoreOptions } from './table-store.ts'

/** Merges both sides of a table-table join, and keeps the result if it is materialised. */
export class TableJoinMerge<K, V> implements TableOperator<K, Change<V>, K, V> {
  readonly #sides: readonly [TableParent<K, V>, TableParent<K, V>]
  readonly #store: TableStoreOptions | null
  #sendOldValues = false

  constructor(sides: readonly [TableParent<K, V>, TableParent<K, V>], store: TableStoreOptions | null) {
    this.#sides = sides
    this.#store = store
  }

  readonly supplier: ProcessorSupplier<K, Change<V>, K, Change<V>> = () =>
    new TableJoinMergeProcessor(this.#store, this.#sendOldValues)

  enableSendingOldValues(): boolean {
    for (const side of this.#sides) side.enableSendingOldValues(true)
    this.#sendOldValues = true
    return true
  }

  view(): ValueGetterSupplier<K, V> {
    return this.#store === null ? this.#sides[0].view() : storeView(this.#store)
  }
}

class TableJoinMergeProcessor<K, V> implements Processor<K, Change<V>, K, Change<V>> {
  readonly #options: TableStoreOptions | null
  readonly #sendOldValues: boolean
  #context!: ProcessorContext<K, Change<V>>
  #store: TableStore<K, V> | null = null
  #forwarder: TableForwarder<K, V> | null = null

  constructor(options: TableStoreOptions | null, sendOldValues: boolean) {
    this.#options = options
    this.#sendOldValues = sendOldValues
  }

  init(context: ProcessorContext<K, Change<V>>): void {
    this.#context = context
    if (this.#options === null) return
    const { name, caching } = this.#options
    this.#store = openTableStore(context, this.#options)
    this.#forwarder = new TableForwarder(context, { storeName: name, caching, sendOldValues: this.#sendOldValues })
  }

  process(input: StreamRecord<K, Change<V>>): void {
    const { key, value, timestamp, headers } = input
    if (this.#store !== null && this.#forwarder !== null) {
      const put = this.#store.put(key, value.newValue, timestamp)
      this.#forwarder.forward(key, { newValue: value.newValue, oldValue: value.oldValue, put }, timestamp, headers)
    } else if (this.#sendOldValues) this.#context.forward(input)
    else this.#context.forward(record(key, change(value.newValue, null, value.isLatest), timestamp, headers))
  }
}
