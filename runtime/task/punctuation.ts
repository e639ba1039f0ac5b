import { StreamsConfigError } from '../../state/ports/errors.ts'
import { shownKind } from '../../state/ports/serde.ts'
import type { Cancellable, PunctuationType, Punctuator } from '../../topology/processor.ts'
import type { Clock } from '../ports/clock.ts'

/*
 * Owns the punctuation schedules of one task for one kind of time.
 * 1. Schedules fire in order of their due time; equal due times in order of scheduling.
 * 2. A schedule that missed several intervals fires once and stays aligned to its start (as in Kafka Streams).
 * 3. A schedule cancelled while it fires does not come back.
 */

interface Schedule {
  due: number
  readonly sequence: number
  readonly interval: number
  readonly punctuator: Punctuator
  readonly node: string
  cancelled: boolean
}

export class PunctuationQueue {
  #schedules: Schedule[] = []
  #sequence = 0
  #nextDue = Number.POSITIVE_INFINITY

  /** Earliest due time, +Infinity when nothing is scheduled. */
  get nextDue(): number {
    return this.#nextDue
  }

  schedule(node: string, firstDue: number, interval: number, punctuator: Punctuator): Cancellable {
    const schedule: Schedule = {
      due: firstDue,
      sequence: this.#sequence++,
      interval,
      punctuator,
      node,
      cancelled: false,
    }
    this.#insert(schedule)
    return {
      cancel: () => {
        schedule.cancelled = true
        this.#schedules = this.#schedules.filter((s) => s !== schedule)
        this.#updateNextDue()
      },
    }
  }

  /** Fires everything due at `now`; `run` gets the node that scheduled it. True when something fired. */
  fire(now: number, run: (node: string, punctuator: Punctuator, timestamp: number) => void): boolean {
    let fired = false
    while (this.#nextDue <= now) {
      const schedule = this.#schedules.shift() as Schedule
      fired = true
      run(schedule.node, schedule.punctuator, now)
      if (schedule.cancelled) this.#updateNextDue()
      else {
        const missed = Math.max(0, Math.floor((now - schedule.due) / schedule.interval))
        schedule.due += (missed + 1) * schedule.interval
        this.#insert(schedule)
      }
    }
    return fired
  }

  #insert(schedule: Schedule): void {
    let at = this.#schedules.length
    while (at > 0 && this.#isBefore(schedule, this.#schedules[at - 1] as Schedule)) at--
    this.#schedules.splice(at, 0, schedule)
    this.#updateNextDue()
  }

  #isBefore(a: Schedule, b: Schedule): boolean {
    return a.due < b.due || (a.due === b.due && a.sequence < b.sequence)
  }

  #updateNextDue(): void {
    this.#nextDue = this.#schedules[0]?.due ?? Number.POSITIVE_INFINITY
  }
}

/** Fires a punctuator for its node at a time. */
export type FirePunctuator = (node: string, punctuator: Punctuator, timestamp: number) => void

/** The punctuations that one task has scheduled, by both kinds of time. */
export class Punctuations {
  readonly #byStreamTime = new PunctuationQueue()
  readonly #bySystemTime = new PunctuationQueue()
  readonly #clock: Clock
  readonly #fire: FirePunctuator

  constructor(clock: Clock, fire: FirePunctuator) {
    this.#clock = clock
    this.#fire = fire
  }

  /** Stream time is aligned to 0 and fires with the first record; wall clock is aligned to now (as in Kafka Streams). */
  schedule(node: string, intervalMs: number, type: PunctuationType, punctuator: Punctuator): Cancellable {
    if (!(typeof intervalMs === 'number' && intervalMs >= 1))
      throw new StreamsConfigError(`punctuation interval must be at least 1 ms, not ${String(intervalMs)}`)
    if (type !== 'stream-time' && type !== 'wall-clock-time')
      throw new StreamsConfigError(`punctuation type must be stream-time or wall-clock-time, not ${String(type)}`)
    if (typeof punctuator !== 'function')
      throw new StreamsConfigError(`a punctuator must be a function, not ${shownKind(punctuator)}`)
    return type === 'stream-time'
      ? this.#byStreamTime.schedule(node, 0, intervalMs, punctuator)
      : this.#bySystemTime.schedule(node, this.#clock.monotonic() + intervalMs, intervalMs, punctuator)
  }

  /** True when something fired. */
  fireStreamTime(streamTime: number): boolean {
    if (streamTime < this.#byStreamTime.nextDue) return false
    return this.#byStreamTime.fire(streamTime, this.#fire)
  }

  /** Fires what is due by the monotonic clock, and passes the time of the wall clock. Returns true when something fired. */
  fireSystemTime(): boolean {
    return this.#bySystemTime.fire(this.#clock.monotonic(), (node, punctuator) =>
      this.#fire(node, punctuator, this.#clock.now()),
    )
  }

  /** Time of the next wall-clock punctuator, Clock.monotonic(); +Infinity when there is none. */
  get nextSystemTime(): number {
    return this.#bySystemTime.nextDue
  }
}
