import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import { JoinBuffer, type JoinBufferStore } from './join-buffer.ts'
import { OBSERVED } from './operator-times.ts'
import type { ValueGetter, ValueGetterSupplier } from './table-operator.ts'

export interface StreamTableJoinOptions<K, V, KT, VT, VR> {
  readonly table: ValueGetterSupplier<KT, VT>
  /** The key to look up; null finds no row. */
  readonly keyOf: (key: K, value: V) => KT | null
  readonly joiner: (left: V, right: VT | null, key: K) => VR
  /** Send records without a match, too. */
  readonly left: boolean
  /** With it, records wait for late changes of the (versioned) table in a store of their own. */
  readonly grace?: { readonly storeName: string; readonly graceMs: number } | undefined
}

/** Looks up each record of a stream in a table; in a versioned table, the version at the record's time. */
class StreamTableJoin<K, V, KT, VT, VR> implements Processor<K, V, K, VR> {
  readonly #options: StreamTableJoinOptions<K, V, KT, VT, VR>
  #context!: ProcessorContext<K, VR>
  #table!: ValueGetter<KT, VT>
  #buffer: JoinBuffer<K, V> | null = null

  constructor(options: StreamTableJoinOptions<K, V, KT, VT, VR>) {
    this.#options = options
  }

  init(context: ProcessorContext<K, VR>): void {
    this.#context = context
    this.#table = this.#options.table.open(context)
    const { grace } = this.#options
    if (grace === undefined) return
    if (!this.#table.versioned)
      throw new StreamsTopologyError(`${context.nodeName} has a grace period: its table must be versioned`)
    const store = context.store<JoinBufferStore<K, V>>(grace.storeName)
    const buffer = new JoinBuffer(store, grace.graceMs, context.keptNumber(grace.storeName, OBSERVED))
    this.#buffer = buffer
    context.onIdleTick?.({
      due: () => buffer.due,
      tick: (streamTime) => {
        buffer.advance(streamTime)
        this.#joinDue(buffer)
      },
    })
  }

  process(input: StreamRecord<K, V>): void {
    const { keyOf, left } = this.#options
    const { key, value } = input
    const tableKey = keyOf(key, value)
    if (value === null || (tableKey === null && !left)) {
      this.#context.drop('null-key-or-value')
      return
    }
    if (this.#buffer === null) this.#join(input)
    else if (!this.#buffer.put(input)) this.#join(input)
    else this.#joinDue(this.#buffer)
  }

  #joinDue(buffer: JoinBuffer<K, V>): void {
    for (const held of buffer.takeDue()) this.#join(held)
  }

  #join({ key, value, timestamp, headers }: StreamRecord<K, V>): void {
    const { keyOf, joiner, left } = this.#options
    const tableKey = keyOf(key, value)
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
