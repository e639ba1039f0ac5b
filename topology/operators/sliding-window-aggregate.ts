import type { ValueAndTimestamp } from '../../state/ports/stores.ts'
import type { StreamRecord } from '../record.ts'
import type { SlidingWindows } from '../windows.ts'
import { WindowAggregateProcessor, type WindowAggregateSettings } from './window-aggregate-processor.ts'
import type { WindowFold } from './window-fold.ts'

type Row<A> = ValueAndTimestamp<A>

/** The windows found around a record. */
interface Neighbours<A> {
  readonly starts: Set<number>
  /** Aggregate of earlier records that the left window of this record takes over. */
  left: Row<A> | null
  /** Aggregate of the window that ends after this record: its right window begins with it. */
  right: Row<A> | null
  leftExists: boolean
  rightExists: boolean
  /** Timestamp of the previous record; null when its windows need no change. */
  previous: number | null
}

/**
 * Aggregates into sliding windows (KIP-450). Each record has a window that ends at it (left) and one that starts behind
 * it (right, kept only while it is not empty); the timestamp of a row is that of the latest record in the window. A record is
 * added to all windows that hold its time, completes its left window from the one before, and gives the record before
 * it a right window.
 */
export class SlidingWindowAggregateProcessor<K, V, A> extends WindowAggregateProcessor<K, V, A> {
  readonly #windows: SlidingWindows
  readonly #fold: WindowFold<K, V, A>
  #input!: StreamRecord<K, V>
  #closeTime = -1
  #late = false
  /** Some window took the record. */
  #taken = false

  constructor(windows: SlidingWindows, fold: WindowFold<K, V, A>, settings: WindowAggregateSettings) {
    super(settings)
    this.#windows = windows
    this.#fold = fold
  }

  process(input: StreamRecord<K, V>): void {
    if (input.key === null || input.value === null) {
      this.context.drop('null-key-or-value')
      return
    }
    const { timeDifferenceMs, graceMs } = this.#windows
    this.observed.advance(input.timestamp)
    this.#input = input
    this.#closeTime = this.observed.value - graceMs
    this.#late = false
    this.#taken = false
    if (input.timestamp + timeDifferenceMs < this.#closeTime) {
      this.late.count()
      this.late.send(input)
      return
    }
    // Records of the first window's time do not emit final results (Kafka Streams does the same).
    if (input.timestamp < timeDifferenceMs) this.#processEarly()
    else {
      this.emitClosed(input.headers, this.#closeTime)
      this.#processRegular()
    }
    if (this.#late && !this.#taken) this.late.send(input)
  }

  protected closedRange(closeTime: number, lastCloseTime: number): readonly [from: number, to: number] | null {
    const { timeDifferenceMs } = this.#windows
    const to = closeTime - timeDifferenceMs - 1
    if (to < 0) return null
    return [this.firstOpenStart(lastCloseTime), to]
  }

  protected firstOpenStart(lastCloseTime: number): number {
    return lastCloseTime === -1 ? 0 : Math.max(0, lastCloseTime - this.#windows.timeDifferenceMs)
  }

  protected closesAt(windowStart: number): number {
    return windowStart + this.#windows.timeDifferenceMs + this.graceMs + 1
  }

  protected get graceMs(): number {
    return this.#windows.graceMs
  }

  #processRegular(): void {
    const found = this.#lookAround()
    if (found === null) return
    const { timestamp } = this.#input
    const { timeDifferenceMs } = this.#windows
    const { previous } = found
    if (previous !== null && !found.starts.has(previous + 1) && previous + 1 + timeDifferenceMs >= timestamp)
      this.#add(previous + 1, this.#initial())
    if (!found.leftExists) {
      const takesOver = previous !== null && timestamp - timeDifferenceMs <= previous && found.left !== null
      this.#add(timestamp - timeDifferenceMs, takesOver && found.left !== null ? found.left.value : this.#initial())
    }
    if (!found.rightExists) this.#createRight(found.right)
  }

  /** Adds the record to the windows that hold its time, latest first; null when there is nothing left to do. */
  #lookAround(): Neighbours<A> | null {
    const { timestamp } = this.#input
    const { timeDifferenceMs } = this.#windows
    const found = noNeighbours<A>()
    const from = Math.max(0, timestamp - 2 * timeDifferenceMs)
    for (const [start, row] of this.#rowsAround(from)) {
      found.starts.add(start)
      const end = start + timeDifferenceMs
      if (start === timestamp + 1) found.rightExists = true
      else if (end > timestamp) {
        found.right ??= this.#copyOf(row)
        this.#add(start, row.value, row.timestamp)
      } else if (end === timestamp) {
        found.leftExists = true
        this.#add(start, row.value, row.timestamp)
        // The window ends with a record of this very time, so all its neighbours exist already.
        if (row.timestamp >= timestamp) return null
        found.previous = row.timestamp
      } else {
        found.left = row
        found.previous = row.timestamp
        break
      }
    }
    return found
  }

  /**
   * Rows with starts from there on, latest first, up to the first that ends before the record: no earlier one is needed. Read before any
   * is changed.
   */
  #rowsAround(from: number): (readonly [number, Row<A>])[] {
    const { key, timestamp } = this.#input
    const rows: (readonly [number, Row<A>])[] = []
    for (const found of this.store.backwardFetchRange(key, from, timestamp + 1)) {
      rows.push(found)
      if (found[0] + this.#windows.timeDifferenceMs < timestamp) break
    }
    return rows
  }

  /** Records earlier than the window size share the window that starts at 0, because none may start before. */
  #processEarly(): void {
    const { key, timestamp } = this.#input
    const found = noNeighbours<A>()
    let combined: Row<A> | null = null
    for (const [start, row] of [...this.store.fetchRange(key, 0, timestamp + 1)]) {
      found.starts.add(start)
      if (start === 0) {
        combined = row
        if (row.timestamp < timestamp) found.previous = row.timestamp
      } else if (start <= timestamp) {
        found.right = this.#copyOf(row)
        this.#add(start, row.value, row.timestamp)
      } else found.rightExists = true
    }
    if (found.right === null && combined !== null && combined.timestamp > timestamp) found.right = combined
    if (!found.rightExists) this.#createRight(found.right)
    if (found.previous !== null && !found.starts.has(found.previous + 1)) this.#add(found.previous + 1, this.#initial())
    if (combined === null) this.#add(0, this.#initial())
    else this.#add(0, combined.value, combined.timestamp)
  }

  /** Adds the record to the window with that start, given its aggregate so far. */
  #add(start: number, aggregate: A | null, aggregateTimestamp = this.#input.timestamp): void {
    const end = start + this.#windows.timeDifferenceMs
    if (end < this.#closeTime) {
      this.late.count()
      this.#late = true
      return
    }
    this.#taken = true
    const { key, value, timestamp } = this.#input
    const oldValue = this.before(aggregate)
    const newValue = this.#fold.add(key, value, aggregate)
    const newTimestamp = aggregate === null ? timestamp : Math.max(timestamp, aggregateTimestamp)
    this.update(this.#input, { start, end }, { oldValue, newValue, timestamp: newTimestamp })
  }

  /** Creates the window after the record, when the found aggregate has later records: they are its whole content. */
  #createRight(right: Row<A> | null): void {
    const { timestamp } = this.#input
    if (right === null || right.timestamp <= timestamp) return
    const window = { start: timestamp + 1, end: timestamp + 1 + this.#windows.timeDifferenceMs }
    this.update(this.#input, window, { oldValue: null, newValue: right.value, timestamp: right.timestamp })
  }

  /** A copy for a separate window: adding the record to the original may change it in place. */
  #copyOf(row: Row<A>): Row<A> {
    return { value: this.store.copyOf(row.value), timestamp: row.timestamp }
  }

  #initial(): A | null {
    return this.#fold.initial()
  }
}

function noNeighbours<A>(): Neighbours<A> {
  return { starts: new Set(), left: null, right: null, leftExists: false, rightExists: false, previous: null }
}
