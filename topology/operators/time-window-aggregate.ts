import type { StreamRecord } from '../record.ts'
import { type TimeWindows, windowStarts } from '../windows.ts'
import { WindowAggregateProcessor, type WindowAggregateSettings } from './window-aggregate-processor.ts'
import type { WindowFold } from './window-fold.ts'

/** Aggregates into tumbling or hopping windows. */
export class TimeWindowAggregateProcessor<K, V, A> extends WindowAggregateProcessor<K, V, A> {
  readonly #windows: TimeWindows
  readonly #fold: WindowFold<K, V, A>

  constructor(windows: TimeWindows, fold: WindowFold<K, V, A>, settings: WindowAggregateSettings) {
    super(settings)
    this.#windows = windows
    this.#fold = fold
  }

  process(input: StreamRecord<K, V>): void {
    const { key, value, timestamp } = input
    if (key === null) {
      this.context.drop('null-key')
      return
    }
    const { sizeMs, graceMs } = this.#windows
    this.observed.advance(timestamp)
    const closeTime = this.observed.value - graceMs
    this.emitClosed(input.headers, closeTime)
    let late = false
    let taken = false
    for (const start of windowStarts(this.#windows, timestamp)) {
      const end = start + sizeMs
      if (end <= closeTime) {
        this.late.count()
        late = true
        continue
      }
      taken = true
      const old = this.store.fetch(key, start)
      const aggregate = old === null ? this.#fold.initial() : old.value
      const oldValue = this.before(aggregate)
      const newValue = this.#fold.add(key, value, aggregate)
      const newTimestamp = old === null ? timestamp : Math.max(timestamp, old.timestamp)
      this.update(input, { start, end }, { oldValue, newValue, timestamp: newTimestamp })
    }
    if (late && !taken) this.late.send(input)
  }

  protected closedRange(closeTime: number, lastCloseTime: number): readonly [from: number, to: number] | null {
    const { sizeMs } = this.#windows
    const to = closeTime - sizeMs
    if (to < 0) return null
    if (lastCloseTime === -1) return [0, to]
    const from = this.firstOpenStart(lastCloseTime)
    // No window has been closed in between when both bounds fall into the same windows.
    const closed = windowStarts(this.#windows, to)
    const emitted = windowStarts(this.#windows, from - 1)
    const same = closed.length === emitted.length && closed.every((start, i) => start === emitted[i])
    return same ? null : [from, to]
  }

  protected firstOpenStart(lastCloseTime: number): number {
    return lastCloseTime === -1 ? 0 : Math.max(0, lastCloseTime - this.#windows.sizeMs) + 1
  }

  protected closesAt(windowStart: number): number {
    return windowStart + this.#windows.sizeMs + this.graceMs
  }

  protected get graceMs(): number {
    return this.#windows.graceMs
  }
}
