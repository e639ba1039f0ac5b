import { StreamsTopologyError } from '../../state/ports/errors.ts'
import { answerOf } from '../../state/ports/thenable.ts'
import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import type { StreamRecord } from '../record.ts'
import type { Change } from './change.ts'
import { TableForwarder } from './table-forwarder.ts'
import { storeView, type TableOperator, type ValueGetterSupplier } from './table-operator.ts'
import { openTableStore, type TableStore, type TableStoreOptions } from './table-store.ts'

/** Subtracts an old value from an aggregate over a table, and adds a new one. */
export interface TableFold<K, V, A> {
  readonly subtract: (key: K, value: V, aggregate: A) => A | null
  /** `aggregate` null: there is none yet, or nothing is left of it. */
  readonly add: (key: K, value: V, aggregate: A | null) => A | null
  /** Kafka Streams' reduce ignores the old timestamp when nothing of the old aggregate is left. */
  readonly startsAnew: boolean
}

export function tableAggregateFold<K, V, I, A>(functions: {
  readonly initializer: () => I
  readonly adder: (key: K, value: V, aggregate: A | I) => A | null
  readonly subtractor: (key: K, value: V, aggregate: A) => A | null
}): TableFold<K, V, A> {
  const { initializer, adder, subtractor } = functions
  return {
    subtract: (key, value, aggregate) => subtractor(key, value, aggregate) ?? null,
    add: (key, value, aggregate) =>
      adder(key, value, aggregate === null ? answerOf('the initializer', initializer()) : aggregate) ?? null,
    startsAnew: false,
  }
}

export function tableReduceFold<K, V>(
  adder: (aggregate: V, value: V) => V | null,
  subtractor: (aggregate: V, value: V) => V | null,
): TableFold<K, V, V> {
  return {
    subtract: (_key, value, aggregate) => subtractor(aggregate, value),
    add: (_key, value, aggregate) => (aggregate === null ? value : adder(aggregate, value)),
    startsAnew: true,
  }
}

/** Aggregates the rows of a table by a new key: subtracts a row's old value and adds its new one. */
export class TableAggregate<K, V, A> implements TableOperator<K, Change<V>, K, A> {
  readonly #store: TableStoreOptions
  readonly #fold: TableFold<K, V, A>
  #sendOldValues = false

  constructor(store: TableStoreOptions, fold: TableFold<K, V, A>) {
    this.#store = store
    this.#fold = fold
  }

  readonly supplier: ProcessorSupplier<K, Change<V>, K, Change<A>> = () =>
    new TableAggregateProcessor(this.#store, this.#fold, this.#sendOldValues)

  enableSendingOldValues(): boolean {
    this.#sendOldValues = true
    return true
  }

  view(): ValueGetterSupplier<K, A> {
    return storeView(this.#store)
  }
}

class TableAggregateProcessor<K, V, A> implements Processor<K, Change<V>, K, Change<A>> {
  readonly #options: TableStoreOptions
  readonly #fold: TableFold<K, V, A>
  readonly #sendOldValues: boolean
  #store!: TableStore<K, A>
  #forwarder!: TableForwarder<K, A>

  constructor(options: TableStoreOptions, fold: TableFold<K, V, A>, sendOldValues: boolean) {
    this.#options = options
    this.#fold = fold
    this.#sendOldValues = sendOldValues
  }

  init(context: ProcessorContext<K, Change<A>>): void {
    const { name, caching } = this.#options
    this.#store = openTableStore(context, this.#options)
    this.#forwarder = new TableForwarder(context, { storeName: name, caching, sendOldValues: this.#sendOldValues })
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, Change<V>>): void {
    if (key === null)
      throw new StreamsTopologyError(`a record for the table aggregate of store ${this.#options.name} has a null key`)
    const old = this.#store.get(key)
    let aggregate = old === null ? null : old.value
    const oldValue = this.#forwarder.sendsOldValues ? this.#store.copyOf(aggregate) : null
    const later = old === null ? timestamp : Math.max(timestamp, old.timestamp)
    let newTimestamp = timestamp
    if (value.oldValue !== null && aggregate !== null) {
      aggregate = this.#fold.subtract(key, value.oldValue, aggregate)
      newTimestamp = later
    }
    if (value.newValue !== null) {
      if (aggregate !== null || !this.#fold.startsAnew) newTimestamp = later
      aggregate = this.#fold.add(key, value.newValue, aggregate)
    }
    const put = this.#store.put(key, aggregate, newTimestamp)
    this.#forwarder.forward(key, { newValue: aggregate, oldValue, put }, newTimestamp, headers)
  }
}
