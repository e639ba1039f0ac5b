import { type Headers, NO_HEADERS } from '../../state/ports/headers.ts'
import type { KeptNumber } from '../../state/ports/kept-number.ts'
import type { KeyValueStore, WindowStore } from '../../state/ports/stores.ts'
import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import type { JoinWindows } from '../windows.ts'
import { OBSERVED } from './operator-times.ts'
import { type UnjoinedKey, type UnjoinedValue, unjoinedKey } from './unjoined.ts'

export interface StreamStreamJoinOptions<K, V, VO, VR> {
  readonly side: 'left' | 'right'
  readonly windows: JoinWindows
  readonly joiner: (own: V | null, other: VO | null, key: K) => VR
  /** Send records of this side without a match, once their window is closed. */
  readonly outer: boolean
  /** Send records of the other side without a match, too. */
  readonly otherOuter: boolean
  readonly otherStoreName: string
  /** Records of either side that may still find a match; null for an inner join. */
  readonly unjoinedStoreName: string | null
  /** The same object for both sides. */
  readonly times: JoinTimes
}

type UnjoinedStore<K> = KeyValueStore<UnjoinedKey<K>, readonly UnjoinedValue[]>

/** The times that both sides of one join share in one task. */
class JoinTime {
  readonly observed: KeptNumber
  /** No unjoined record is older than this; Infinity when there is none. */
  oldest = Number.POSITIVE_INFINITY

  constructor(context: ProcessorContext, store: UnjoinedStore<unknown>) {
    this.observed = context.keptNumber(store.name, OBSERVED)
    for (const [key] of store.all()) {
      this.oldest = key.timestamp
      break
    }
  }
}

/** One per join: finds the time of a task by the store that both sides share. */
export class JoinTimes {
  readonly #byStore = new WeakMap<object, JoinTime>()

  of(context: ProcessorContext, store: UnjoinedStore<unknown>): JoinTime {
    let time = this.#byStore.get(store)
    if (time === undefined) {
      time = new JoinTime(context, store)
      this.#byStore.set(store, time)
    }
    return time
  }
}

/**
 * One side of a windowed stream-stream join. A record is joined with the other side's records in its window; without
 * any, an outer side keeps it until the window is closed by stream time, and then sends it on alone.
 *
 * A window is closed when stream time has passed its last time by more than the grace. What was sent alone is joined no more:
 * records of an outer side whose window is closed are not looked up. (Kafka Streams sends a late record alone before its grace is
 * over, and joins one that it has sent alone.)
 */
class StreamStreamJoin<K, V, VO, VR> implements Processor<K, V, K, VR> {
  readonly #options: StreamStreamJoinOptions<K, V, VO, VR>
  readonly #beforeMs: number
  readonly #afterMs: number
  #context!: ProcessorContext<K, VR>
  #other!: WindowStore<K, VO>
  #unjoined: UnjoinedStore<K> | null = null
  #time: JoinTime | null = null

  constructor(options: StreamStreamJoinOptions<K, V, VO, VR>) {
    this.#options = options
    const { side, windows } = options
    this.#beforeMs = side === 'left' ? windows.beforeMs : windows.afterMs
    this.#afterMs = side === 'left' ? windows.afterMs : windows.beforeMs
  }

  init(context: ProcessorContext<K, VR>): void {
    const { otherStoreName, unjoinedStoreName } = this.#options
    this.#context = context
    this.#other = context.store(otherStoreName)
    if (unjoinedStoreName === null) return
    this.#unjoined = context.store<UnjoinedStore<K>>(unjoinedStoreName)
    this.#time = this.#options.times.of(context, this.#unjoined)
    // One side acts for both, because they share the unmatched records and the time.
    if (this.#options.side === 'left')
      context.onIdleTick?.({ due: () => this.#due(), tick: (streamTime) => this.#tick(streamTime) })
  }

  process(input: StreamRecord<K, V>): void {
    const { key, value, timestamp, headers } = input
    const { joiner, outer, windows } = this.#options
    this.#time?.observed.advance(timestamp)
    if (outer && key === null && value !== null) {
      this.#context.forward(record(key, joiner(value, null, key), timestamp, headers))
      return
    }
    if (key === null || value === null) {
      this.#context.drop('null-key-or-value')
      return
    }
    if (this.#time !== null && timestamp === this.#time.observed.value) this.#emitClosed(headers)
    const to = timestamp + this.#afterMs
    let joined = false
    for (const [otherTimestamp, otherValue] of [...this.#other.fetchRange(key, this.#earliestOther(timestamp), to)]) {
      joined = true
      this.#unjoined?.delete(unjoinedKey(key, otherTimestamp, this.#options.side === 'right'))
      const output = joiner(value, otherValue, key)
      this.#context.forward(record(key, output, Math.max(timestamp, otherTimestamp), headers))
    }
    if (joined || !outer) return
    if (this.#unjoined === null || this.#time === null || to + windows.graceMs < this.#time.observed.value)
      this.#context.forward(record(key, joiner(value, null, key), timestamp, headers))
    else {
      this.#time.oldest = Math.min(this.#time.oldest, timestamp)
      const row = unjoinedKey(key, timestamp, this.#options.side === 'left')
      this.#unjoined.put(row, [...(this.#unjoined.get(row) ?? []), { left: this.#options.side === 'left', value }])
    }
  }

  /** Time of the first record of the other side to join with: its window looks back as far as ours looks ahead. */
  #earliestOther(timestamp: number): number {
    const { otherOuter, windows } = this.#options
    const open = otherOuter && this.#time !== null ? this.#time.observed.value - windows.graceMs : timestamp
    return Math.max(0, Math.max(timestamp, open) - this.#beforeMs)
  }

  /** Time at which the window of the first unjoined record closes. */
  #due(): number {
    const { windows } = this.#options
    let due = Number.POSITIVE_INFINITY
    let leftSeen = false
    let rightSeen = false
    for (const [{ timestamp, left }] of this.#unjoined?.all() ?? []) {
      if (left ? leftSeen : rightSeen) continue
      if (left) leftSeen = true
      else rightSeen = true
      due = Math.min(due, timestamp + (left ? windows.afterMs : windows.beforeMs) + windows.graceMs + 1)
      if (leftSeen && rightSeen) break
    }
    return due
  }

  #tick(streamTime: number): void {
    if (this.#time === null) return
    this.#time.observed.advance(streamTime)
    this.#sendClosed(NO_HEADERS)
  }

  /** Sends the unjoined records whose window is closed, in the order of their timestamps. */
  #emitClosed(headers: Headers): void {
    const time = this.#time
    if (time === null) return
    if (time.oldest + this.#afterMs + this.#options.windows.graceMs < time.observed.value) this.#sendClosed(headers)
  }

  #sendClosed(headers: Headers): void {
    const unjoined = this.#unjoined
    const time = this.#time
    if (unjoined === null || time === null) return
    const { windows } = this.#options
    const streamTime = time.observed.value
    time.oldest = Number.POSITIVE_INFINITY
    let leftOpen = false
    let rightOpen = false
    const emitted: UnjoinedKey<K>[] = []
    for (const [row, values] of unjoined.all()) {
      time.oldest = row.timestamp
      if (leftOpen && rightOpen) break
      const lookBackMs = row.left ? windows.afterMs : windows.beforeMs
      if (row.timestamp + lookBackMs + windows.graceMs >= streamTime) {
        if (row.left) leftOpen = true
        else rightOpen = true
        continue
      }
      for (const { left, value } of values) this.#emitAlone(row, left, value, headers)
      emitted.push(row)
    }
    for (const row of emitted) unjoined.put(row, null)
  }

  #emitAlone(row: UnjoinedKey<K>, left: boolean, value: unknown, headers: Headers): void {
    const own = left === (this.#options.side === 'left')
    const output = this.#options.joiner(own ? (value as V) : null, own ? null : (value as VO), row.key)
    this.#context.forward(record(row.key, output, row.timestamp, headers))
  }
}

export function streamStreamJoin<K, V, VO, VR>(
  options: StreamStreamJoinOptions<K, V, VO, VR>,
): ProcessorSupplier<K, V, K, VR> {
  return () => new StreamStreamJoin(options)
}
