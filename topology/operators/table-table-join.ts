import type { ValueAndTimestamp } from '../../state/ports/stores.ts'
import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import { type Change, change } from './change.ts'
import type { TableOperator, TableParent, ValueGetter, ValueGetterSupplier } from './table-operator.ts'

/** Decides which rows a join keeps, seen from the table whose change is processed. */
export interface JoinSides {
  /** Keep rows of this table without a match in the other one. */
  readonly keepsOwn: boolean
  /** Keep rows of the other table without a match in this one. */
  readonly keepsOther: boolean
}

export interface TableJoinOptions<K, V, VO, VR> {
  readonly own: TableParent<K, V>
  readonly other: TableParent<K, VO>
  readonly sides: JoinSides
  readonly joiner: (own: V | null, other: VO | null, key: K) => VR | null
}

/** One side of a table-table join: joins each change of its own table with the row of the other one. */
export class TableTableJoin<K, V, VO, VR> implements TableOperator<K, Change<V>, K, VR> {
  readonly #options: TableJoinOptions<K, V, VO, VR>
  readonly #ownView: ValueGetterSupplier<K, V>
  readonly #otherView: ValueGetterSupplier<K, VO>
  #sendOldValues = false
  #versioned = false

  constructor(options: TableJoinOptions<K, V, VO, VR>) {
    this.#options = options
    this.#ownView = options.own.view()
    this.#otherView = options.other.view()
  }

  readonly supplier: ProcessorSupplier<K, Change<V>, K, Change<VR>> = () =>
    new TableTableJoinProcessor(this.#options, this.#otherView, {
      sendOldValues: this.#sendOldValues,
      versioned: this.#versioned,
    })

  /** Drops late updates of a versioned table (KIP-914). */
  useVersionedSemantics(versioned: boolean): void {
    this.#versioned = versioned
  }

  enableSendingOldValues(): boolean {
    this.#options.own.enableSendingOldValues(true)
    this.#options.other.enableSendingOldValues(true)
    this.#sendOldValues = true
    return true
  }

  view(): ValueGetterSupplier<K, VR> {
    const { sides, joiner } = this.#options
    const join = (key: K, own: Row<V>, other: Row<VO>): Row<VR> => {
      if (own === null && (other === null || !sides.keepsOther)) return null
      if (other === null && !sides.keepsOwn) return null
      const value = joiner(own?.value ?? null, other?.value ?? null, key)
      return value === null ? null : { value, timestamp: Math.max(own?.timestamp ?? -1, other?.timestamp ?? -1) }
    }
    return {
      storeNames: [...new Set([...this.#ownView.storeNames, ...this.#otherView.storeNames])],
      open: (context): ValueGetter<K, VR> => {
        const own = this.#ownView.open(context)
        const other = this.#otherView.open(context)
        const get = (key: K): Row<VR> => join(key, own.get(key), other.get(key))
        const getForwarded = (key: K): Row<VR> => join(key, own.getForwarded(key), other.getForwarded(key))
        return { versioned: false, get, getForwarded, getAsOf: get }
      },
    }
  }
}

type Row<V> = ValueAndTimestamp<V> | null

class TableTableJoinProcessor<K, V, VO, VR> implements Processor<K, Change<V>, K, Change<VR>> {
  readonly #options: TableJoinOptions<K, V, VO, VR>
  readonly #otherView: ValueGetterSupplier<K, VO>
  readonly #mode: { readonly sendOldValues: boolean; readonly versioned: boolean }
  #context!: ProcessorContext<K, Change<VR>>
  #other!: ValueGetter<K, VO>

  constructor(
    options: TableJoinOptions<K, V, VO, VR>,
    otherView: ValueGetterSupplier<K, VO>,
    mode: { readonly sendOldValues: boolean; readonly versioned: boolean },
  ) {
    this.#options = options
    this.#otherView = otherView
    this.#mode = mode
  }

  init(context: ProcessorContext<K, Change<VR>>): void {
    this.#context = context
    this.#other = this.#otherView.open(context)
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, Change<V>>): void {
    if (key === null) {
      this.#context.drop('null-key')
      return
    }
    if (this.#mode.versioned && !value.isLatest) {
      this.#context.drop('late')
      return
    }
    // One change after the other: a later one of the other table is not passed on yet, and then comes by itself.
    const other = this.#other.getForwarded(key)
    if (other === null && !this.#options.sides.keepsOwn) return
    if (other === null && value.newValue === null && value.oldValue === null) return
    const newValue = this.#join(key, value.newValue, other)
    const oldValue = this.#mode.sendOldValues ? this.#join(key, value.oldValue, other) : null
    const newTimestamp = other === null ? timestamp : Math.max(timestamp, other.timestamp)
    this.#context.forward(record(key, change(newValue, oldValue, value.isLatest), newTimestamp, headers))
  }

  #join(key: K, own: V | null, other: Row<VO>): VR | null {
    if (own === null && (other === null || !this.#options.sides.keepsOther)) return null
    return this.#options.joiner(own, other?.value ?? null, key) ?? null
  }
}
