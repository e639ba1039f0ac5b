import { answerOf } from '../../state/ports/thenable.ts'
import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import type { StreamRecord } from '../record.ts'
import type { Change } from './change.ts'
import { TableForwarder } from './table-forwarder.ts'
import { storeView, type TableOperator, type ValueGetterSupplier } from './table-operator.ts'
import { openTableStore, type TableStore, type TableStoreOptions } from './table-store.ts'

/** Adds one record to an aggregate. */
export interface Fold<K, V, A> {
  /** The aggregate before the first record, which then counts as the old value. */
  initial(): A | null
  first(key: K, value: V, initial: A | null): A | null
  next(key: K, value: V, aggregate: A): A | null
}

/** `I` is the type of the initial aggregate; `A` is a part of it, or it is null. */
export function aggregateFold<K, V, I, A>(
  initializer: () => I,
  aggregator: (key: K, value: V, aggregate: I | A) => A | null,
): Fold<K, V, A> {
  return {
    initial: () => answerOf('the initializer', initializer()) as A | null,
    first: (key, value, initial) => aggregator(key, value, initial as I) ?? null,
    next: (key, value, aggregate) => aggregator(key, value, aggregate) ?? null,
  }
}

/** The first value is the first aggregate. */
export function reduceFold<K, V>(reducer: (aggregate: V, value: V) => V | null): Fold<K, V, V> {
  return {
    initial: () => null,
    first: (_key, value) => value,
    next: (_key, value, aggregate) => reducer(aggregate, value),
  }
}

/** Aggregates the records of a stream per key into a table. */
export class StreamAggregate<K, V, A> implements TableOperator<K, V, K, A> {
  readonly #store: TableStoreOptions
  readonly #fold: Fold<K, V, A>
  #sendOldValues = false

  constructor(store: TableStoreOptions, fold: Fold<K, V, A>) {
    this.#store = store
    this.#fold = fold
  }

  readonly supplier: ProcessorSupplier<K, V, K, Change<A>> = () =>
    new StreamAggregateProcessor(this.#store, this.#fold, this.#sendOldValues)

  enableSendingOldValues(): boolean {
    this.#sendOldValues = true
    return true
  }

  view(): ValueGetterSupplier<K, A> {
    return storeView(this.#store)
  }
}

class StreamAggregateProcessor<K, V, A> implements Processor<K, V, K, Change<A>> {
  readonly #options: TableStoreOptions
  readonly #fold: Fold<K, V, A>
  readonly #sendOldValues: boolean
  #context!: ProcessorContext<K, Change<A>>
  #store!: TableStore<K, A>
  #forwarder!: TableForwarder<K, A>

  constructor(options: TableStoreOptions, fold: Fold<K, V, A>, sendOldValues: boolean) {
    this.#options = options
    this.#fold = fold
    this.#sendOldValues = sendOldValues
  }

  init(context: ProcessorContext<K, Change<A>>): void {
    const { name, caching } = this.#options
    this.#context = context
    this.#store = openTableStore(context, this.#options)
    this.#forwarder = new TableForwarder(context, { storeName: name, caching, sendOldValues: this.#sendOldValues })
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, V>): void {
    if (key === null || value === null) {
      this.#context.drop('null-key-or-value')
      return
    }
    const old = this.#store.get(key)
    const keeps = this.#forwarder.sendsOldValues
    const fold = this.#fold
    let newValue: A | null
    let newTimestamp = timestamp
    let oldValue: A | null
    if (old === null) {
      // The initial aggregate counts as the old value (Kafka Streams does the same).
      const initial = fold.initial()
      oldValue = keeps ? this.#store.copyOf(initial) : null
      newValue = fold.first(key, value, initial)
    } else {
      oldValue = keeps ? this.#store.copyOf(old.value) : null
      newValue = fold.next(key, value, old.value)
      if (old.timestamp > timestamp) newTimestamp = old.timestamp
    }
    const put = this.#store.put(key, newValue, newTimestamp)
    this.#forwarder.forward(key, { newValue, oldValue, put }, newTimestamp, headers)
  }
}
