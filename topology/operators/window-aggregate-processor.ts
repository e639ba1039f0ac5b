import { type Headers, NO_HEADERS } from '../../state/ports/headers.ts'
import type { KeptNumber } from '../../state/ports/kept-number.ts'
import type { CopyingStore, ValueAndTimestamp, Window, Windowed, WindowStore } from '../../state/ports/stores.ts'
import type { Processor, ProcessorContext } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import type { EmitStrategy } from '../windows.ts'
import { type Change, change } from './change.ts'
import { LateRecords } from './late-records.ts'
import { EMITTED, OBSERVED, timeOf } from './operator-times.ts'
import { TableForwarder } from './table-forwarder.ts'

/** The settings that all kinds of windowed aggregates have. */
export interface WindowAggregateSettings {
  readonly storeName: string
  readonly caching: boolean
  readonly emit: EmitStrategy
  readonly sendOldValues: boolean
  /** Child that receives late records; undefined when there is no late topic. */
  readonly lateChild: string | undefined
  /** Windows are closed for good, here or by a suppress below: idle ticks close them, too. */
  readonly closes: boolean
  /** Place among the aggregates that share the store; default 0. */
  readonly member?: number | undefined
}

/**
 * Aggregates over time windows and sliding windows share the store, the stream time they have seen, and the emission
 * of final results. Final results come with the record that closes the window, whatever the clock says, so the output
 * is a function of the input alone (Kafka Streams waits up to a second of wall clock between emissions).
 */
export abstract class WindowAggregateProcessor<K, V, A> implements Processor<K, V, Windowed<K>, Change<A>> {
  protected context!: ProcessorContext<Windowed<K>, Change<A>>
  protected store!: WindowStore<K, ValueAndTimestamp<A>> & CopyingStore
  protected observed!: KeptNumber
  protected late!: LateRecords
  readonly #settings: WindowAggregateSettings
  #emitted!: KeptNumber
  #forwarder!: TableForwarder<Windowed<K>, A>

  constructor(settings: WindowAggregateSettings) {
    this.#settings = settings
  }

  init(context: ProcessorContext<Windowed<K>, Change<A>>): void {
    this.context = context
    const { storeName, member = 0 } = this.#settings
    this.store = context.store(storeName)
    this.observed = context.keptNumber(storeName, timeOf(OBSERVED, member))
    this.#emitted = context.keptNumber(storeName, timeOf(EMITTED, member))
    this.late = new LateRecords(context, this.#settings.lateChild)
    this.#forwarder = new TableForwarder(context, this.#settings)
    if (this.#settings.closes)
      context.onIdleTick?.({ due: () => this.#due(), tick: (streamTime) => this.#tick(streamTime) })
  }

  abstract process(record: StreamRecord<K, V>): void

  /** Window starts (inclusive) that closeTime closes and lastCloseTime (-1: none) did not; null when there are none. */
  protected abstract closedRange(closeTime: number, lastCloseTime: number): readonly [from: number, to: number] | null

  /** Start of the earliest window that lastCloseTime (-1: none) has not closed, or less. */
  protected abstract firstOpenStart(lastCloseTime: number): number

  /** Stream time at which the window that starts there is closed. */
  protected abstract closesAt(windowStart: number): number

  protected abstract readonly graceMs: number

  /** The aggregate as it is before a record is added, which may change it in place; null when nobody gets to see it. */
  protected before(aggregate: A | null): A | null {
    return this.#forwarder.sendsOldValues ? this.store.copyOf(aggregate) : null
  }

  protected update(
    input: StreamRecord<K, V>,
    window: Window,
    row: { readonly oldValue: A | null; readonly newValue: A | null; readonly timestamp: number },
  ): void {
    const { oldValue, newValue, timestamp } = row
    this.store.put(input.key, newValue === null ? null : { value: newValue, timestamp }, window.start)
    if (this.#settings.emit === 'on-window-close') return
    const key = { key: input.key, window }
    this.#forwarder.forward(key, { newValue, oldValue, put: 'latest' }, timestamp, input.headers)
  }

  /**
   * Called before the record is added: it can only fall into windows that are open, and adding it may push the closed
   * ones out of the store's retention.
   */
  protected emitClosed(headers: Headers, closeTime: number): void {
    if (this.#settings.emit !== 'on-window-close') return
    const last = this.#emitted.value
    if (last !== -1 && last >= closeTime) return
    const range = this.closedRange(closeTime, last)
    if (range === null) return
    for (const [key, row] of [...this.store.fetchAll(range[0], range[1])])
      this.context.forward(record(key, change(row.value, null), row.timestamp, headers))
    this.#emitted.advance(closeTime)
  }

  #due(): number {
    if (this.#settings.emit !== 'on-window-close') return Number.POSITIVE_INFINITY
    for (const [{ window }] of this.store.fetchAll(this.firstOpenStart(this.#emitted.value), Number.MAX_SAFE_INTEGER))
      return this.closesAt(window.start)
    return Number.POSITIVE_INFINITY
  }

  #tick(streamTime: number): void {
    this.observed.advance(streamTime)
    this.emitClosed(NO_HEADERS, this.observed.value - this.graceMs)
  }
}
