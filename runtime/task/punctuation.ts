import type { Cancellable, Punctuator } from '../../topology/processor.ts'

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
