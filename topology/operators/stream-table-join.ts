import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import type { ValueGetter, ValueGetterSupplier } from './table-operator.ts'

export interface StreamTableJoinOptions<K, V, KT, VT, VR> {
  readonly table: ValueGetterSupplier<KT, VT>
  /** The key to look up; null joins with nothing. */
  readonly keyOf: (key: K, value: V) => KT | null
  readonly joiner: (left: V, right: VT | null, key: K) => VR
  /** Also records without a match are sent on. */
  readonly left: boolean
}

/** Looks up each record of a stream in a table; against a versioned table, in the version of the record's time. */
class StreamTableJoin<K, V, KT, VT, VR> implements Processor<K, V, K, VR> {
  readonly #options: StreamTableJoinOptions<K, V, KT, VT, VR>
  #context!: ProcessorContext<K, VR>
  #table!: ValueGetter<KT, VT>

  constructor(options: StreamTableJoinOptions<K, V, KT, VT, VR>) {
    this.#options = options
  }

  init(context: ProcessorContext<K, VR>): void {
    this.#context = context
    this.#table = this.#options.table.open(context)
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, V>): void {
    const { keyOf, joiner, left } = this.#options
    const tableKey = keyOf(key, value)
    const nullKeyPasses = left && key === null
    if (value === null || (tableKey === null && !nullKeyPasses)) {
      this.#context.drop('null-key-or-value')
      return
    }
    const row = tableKey === null ? null : this.#lookUp(tableKey, timestamp)
    if (row !== null || left)
      this.#context.forward(record(key, joiner(value, row?.value ?? null, key), timestamp, headers))
  }

  #lookUp(key: KT, timestamp: number): ReturnType<ValueGetter<KT, VT>['get']> {
    return this.#table.versioned ? this.#table.getAsOf(key, timestamp) : this.#table.get(key)
  }
}

export function streamTableJoin<K, V, KT, VT, VR>(
  options: StreamTableJoinOptions<K, V, KT, VT, VR>,
): ProcessorSupplier<K, V, K, VR> {
  return () => new StreamTableJoin(options)
}
