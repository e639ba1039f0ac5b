import { NO_HEADERS } from '../../state/ports/headers.ts'
import { partitionKey } from '../../state/ports/topic-partition.ts'
import type { IdleTicks as IdleTicksPlan, PlanNode } from '../../topology/plan.ts'
import type { IdleListener } from '../../topology/processor.ts'
import type { OutputCollector } from '../commit/output-collector.ts'
import type { Clock } from '../ports/clock.ts'
import type { RecordQueue } from './record-queue.ts'
import type { Numbers, TaskMarks } from './task-marks.ts'
import { encodeTick, type RecordedTicks, type Tick } from './tick-log.ts'

const TIME = '$idle-ticks.time'
const POSITION = '$idle-ticks.position'

/** Position of a task's ticks as of its last commit; null when it knows none. */
export function tickPosition(numbers: Numbers): number | null {
  return numbers.get(POSITION) ?? null
}

/** Stream time up to which a task's windows were closed by ticks or by the clock, as of its last commit; -1: none were. */
export function closedUpTo(numbers: Numbers): number {
  let time = numbers.get(TIME) ?? -1
  for (const [key, value] of numbers) if (key.endsWith('.closed')) time = Math.max(time, value)
  return time
}

export interface IdleTicksOptions {
  readonly plan: IdleTicksPlan
  readonly partition: number
  readonly nodes: readonly PlanNode[]
  readonly queues: readonly RecordQueue[]
  /** High watermark of each queue's partition when the task was opened. */
  readonly ends: readonly number[]
  readonly recorded: RecordedTicks
  readonly marks: TaskMarks
  readonly collector: OutputCollector
  readonly clock: Clock
}

interface Listening {
  readonly node: string
  readonly listener: IdleListener
  /** Listeners of operators before it. */
  readonly above: readonly IdleListener[]
}

/*
 * Owns the idle ticks of one task: how stream time moves on a quiet partition.
 * 1. A new tick takes effect at once, and its record goes into the commit of its effects: both are there or none. The
 *    record says where the sources stood, so what the wall clock decided becomes part of the input.
 * 2. A recorded tick takes effect when every source has reached its positions, before any record beyond them: at the
 *    same place as the first time.
 * 3. Ticks take effect once, in the order of the topic; their times grow. The last one's time travels with the offsets.
 * 4. New ticks only when no recorded one is left, every source is caught up, and something is due at the new stream time.
 *    So there are none when nothing is held back.
 * 5. An operator gets the tick only when those before it hold nothing back: what they send later must not be late for it.
 */
export class IdleTicks {
  readonly #options: IdleTicksOptions
  readonly #parents: ReadonlyMap<string, readonly string[]>
  readonly #listening: Listening[] = []
  /** Recorded ticks that have yet to take effect, and how many have. */
  readonly #pending: readonly Tick[]
  #applied = 0
  /** Per queue: records from this offset on wait for the first pending tick. Null when none is pending. */
  #limits: readonly number[] | null = null
  /** Clock.monotonic() of the last processed record or tick. */
  #idleSince: number
  /** Clock.monotonic() from which stream time follows the clock: the last move, when devices must agree on it. */
  #movesSince: number
  readonly #isAgreedOn: boolean
  #streamTime = -1
  /** Clock.monotonic() before which nothing can be due. */
  #nextLook: number

  constructor(options: IdleTicksOptions) {
    this.#options = options
    const { nodes, recorded, clock } = options
    this.#parents = new Map(nodes.map((node) => [node.name, node.type === 'source' ? [] : node.parents]))
    const last = this.lastTime
    this.#pending = recorded.ticks.filter(({ timestamp }) => timestamp > last)
    this.#idleSince = clock.monotonic()
    this.#movesSince = this.#idleSince
    this.#isAgreedOn = options.queues.some(({ source }) => source.deviceClock !== undefined)
    this.#nextLook = this.#idleSince
    this.#awaitNext()
  }

  /** Stream time of the last tick that took effect, -1 when there was none. */
  get lastTime(): number {
    return this.#options.marks.get(TIME) ?? -1
  }

  /** In topological order. */
  listen(node: string, listener: IdleListener): void {
    const above = this.#listening.filter((other) => this.#isAbove(other.node, node)).map((other) => other.listener)
    this.#listening.push({ node, listener, above })
  }

  /** Records were processed: the task is not idle. */
  processed(streamTime: number): void {
    this.#idleSince = this.#options.clock.monotonic()
    // A time that no second device confirms moves nothing; the clock continues from the time that two confirmed.
    if (!this.#isAgreedOn || streamTime !== this.#streamTime || streamTime < 0) this.#movesSince = this.#idleSince
    this.#streamTime = streamTime
    this.stirred()
  }

  /** Notes that the held-back records may have changed. */
  stirred(): void {
    this.#nextLook = this.#idleSince + this.#options.plan.afterMs
  }

  /** True when the next record of that queue comes after a pending tick (invariant 2). */
  holds(queue: number): boolean {
    return this.#limits !== null && this.#isReached(this.#limits, queue)
  }

  /** Time of the recorded tick that takes effect now; null when none does. */
  reached(): number | null {
    const limits = this.#limits
    if (limits === null) return null
    for (let i = 0; i < limits.length; i++) if (!this.#isReached(limits, i)) return null
    return (this.#pending[this.#applied] as Tick).timestamp
  }

  /** Clock.monotonic() of the next call of newTick(); +Infinity while that is pointless (invariant 4). */
  get nextLook(): number {
    if (this.#limits !== null || this.#listening.length === 0) return Number.POSITIVE_INFINITY
    for (const queue of this.#options.queues) if (!queue.isCaughtUp) return Number.POSITIVE_INFINITY
    return this.#nextLook
  }

  /** Time of a due tick; null when none is due, and then nextLook says when to ask again. Caches must be flushed. */
  newTick(streamTime: number): number | null {
    const { clock, plan } = this.#options
    const due = this.#due()
    const now = clock.monotonic()
    const timestamp = streamTime + Math.floor(now - this.#movesSince)
    if (Math.floor(now - this.#idleSince) >= plan.afterMs && timestamp >= due) return timestamp
    this.#nextLook = Math.max(this.#idleSince + plan.afterMs, this.#movesSince + due - streamTime)
    return null
  }

  /** Writes a new tick into the live epoch. */
  record(timestamp: number): void {
    const { collector, partition, plan, queues } = this.#options
    const positions = Object.fromEntries(queues.map((queue) => [partitionKey(queue), queue.position()]))
    collector.epochs.live.append(plan.topic, partition, null, encodeTick(positions), timestamp, NO_HEADERS)
  }

  /**
   * Lets the tick take effect.
   * @param flush makes caching stores forward what they hold back
   */
  tell(timestamp: number, flush: () => void): void {
    for (const { listener, above } of this.#listening) {
      // The output must not depend on commits in between.
      flush()
      if (above.every((other) => other.due() === Number.POSITIVE_INFINITY)) listener.tick(timestamp)
    }
    this.#options.marks.set(TIME, Math.max(timestamp, this.lastTime))
    this.processed(timestamp)
    if (this.#limits === null) return
    this.#applied++
    this.#awaitNext()
  }

  /** Invariant 2. A source that was truncated or created again may never reach the position, so its end must do. */
  #awaitNext(): void {
    const { queues, ends, recorded, marks } = this.#options
    const next = this.#pending[this.#applied]
    if (next !== undefined) {
      this.#limits = queues.map((queue, i) => Math.min(next.positions[partitionKey(queue)] ?? 0, ends[i] ?? 0))
      return
    }
    this.#limits = null
    if (marks.get(POSITION) !== recorded.end) marks.set(POSITION, recorded.end)
  }

  #isReached(limits: readonly number[], queue: number): boolean {
    return (this.#options.queues[queue] as RecordQueue).position() >= (limits[queue] as number)
  }

  #due(): number {
    let first = Number.POSITIVE_INFINITY
    for (const { listener, above } of this.#listening)
      if (above.every((other) => other.due() === Number.POSITIVE_INFINITY)) first = Math.min(first, listener.due())
    return first
  }

  #isAbove(ancestor: string, node: string): boolean {
    const parents = this.#parents.get(node) ?? []
    return parents.some((parent) => parent === ancestor || this.#isAbove(ancestor, parent))
  }
}
