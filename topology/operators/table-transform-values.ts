import type { ValueAndTimestamp } from '../../state/ports/stores.ts'
import { answerOf } from '../../state/ports/thenable.ts'
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

/** Maps the values of a table with access to stores. It must not forward; it is called for deleted rows too. */
export interface ValueTransformer<K, V, VR> {
  init?(context: ProcessorContext): void
  /** `value` null: the row was deleted. A null result: there is no such row. */
  transform(key: K, value: V | null): VR | null
  close?(): void
}

export interface TableTransformValuesOptions<K, V, VR> {
  /** Name of the node, for errors. */
  readonly name: string
  readonly parent: TableParent<K, V>
  readonly transformer: () => ValueTransformer<K, V, VR>
  readonly store: TableStoreOptions | null
}

export class TableTransformValues<K, V, VR> implements TableOperator<K, Change<V>, K, VR> {
  readonly #options: TableTransformValuesOptions<K, V, VR>
  #sendOldValues = false

  constructor(options: TableTransformValuesOptions<K, V, VR>) {
    this.#options = options
  }

  readonly supplier: ProcessorSupplier<K, Change<V>, K, Change<VR>> = () =>
    new TableTransformValuesProcessor(this.#options, this.#sendOldValues)

  enableSendingOldValues(forceMaterialization: boolean): boolean {
    if (this.#options.store !== null || this.#options.parent.enableSendingOldValues(forceMaterialization))
      this.#sendOldValues = true
    return this.#sendOldValues
  }

  view(): ValueGetterSupplier<K, VR> {
    const { name, store, parent, transformer } = this.#options
    if (store !== null) return storeView(store)
    return derivedView(parent.view(), (context) => {
      const instance = new NamedTransformer(name, transformer())
      instance.init(context)
      return (key: K, row: ValueAndTimestamp<V> | null): ValueAndTimestamp<VR> | null => {
        const value = instance.transform(key, row?.value ?? null)
        return value === null ? null : { value, timestamp: row?.timestamp ?? -1 }
      }
    })
  }
}

/** A transformer of a user. Refuses its promises, with the name of its node. */
class NamedTransformer<K, V, VR> {
  readonly #inner: ValueTransformer<K, V, VR>
  readonly #node: string

  constructor(node: string, inner: ValueTransformer<K, V, VR>) {
    this.#inner = answerOf('the supplier of', inner, node)
    this.#node = node
  }

  init(context: ProcessorContext): void {
    answerOf<unknown>('init() of', this.#inner.init?.(context), this.#node)
  }

  transform(key: K, value: V | null): VR | null {
    return answerOf('transform() of', this.#inner.transform(key, value), this.#node)
  }

  close(): void {
    answerOf<unknown>('close() of', this.#inner.close?.(), this.#node)
  }
}

class TableTransformValuesProcessor<K, V, VR> implements Processor<K, Change<V>, K, Change<VR>> {
  readonly #options: TableTransformValuesOptions<K, V, VR>
  readonly #sendOldValues: boolean
  readonly #transformer: NamedTransformer<K, V, VR>
  #context!: ProcessorContext<K, Change<VR>>
  #store: TableStore<K, VR> | null = null
  #forwarder: TableForwarder<K, VR> | null = null

  constructor(options: TableTransformValuesOptions<K, V, VR>, sendOldValues: boolean) {
    this.#options = options
    this.#sendOldValues = sendOldValues
    this.#transformer = new NamedTransformer(options.name, options.transformer())
  }

  init(context: ProcessorContext<K, Change<VR>>): void {
    this.#context = context
    this.#transformer.init(context)
    const { store } = this.#options
    if (store === null) return
    this.#store = openTableStore(context, store)
    this.#forwarder = new TableForwarder(context, {
      storeName: store.name,
      caching: store.caching,
      sendOldValues: this.#sendOldValues,
    })
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, Change<V>>): void {
    const newValue = this.#transformer.transform(key, value.newValue)
    if (this.#store !== null && this.#forwarder !== null) {
      const oldValue = this.#sendOldValues ? (this.#store.get(key)?.value ?? null) : null
      const put = this.#store.put(key, newValue, timestamp)
      this.#forwarder.forward(key, { newValue, oldValue, put }, timestamp, headers)
      return
    }
    const oldValue = this.#sendOldValues ? this.#transformer.transform(key, value.oldValue) : null
    this.#context.forward(record(key, change(newValue, oldValue, value.isLatest), timestamp, headers))
  }

  close(): void {
    this.#transformer.close()
  }
}
