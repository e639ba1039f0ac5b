import type { Clock } from '../ports/clock.ts'
import { Wakeup } from './wakeup.ts'

/** Timers longer than this are set in steps: what is slept on must fit into any timer. */
const LONGEST_SLEEP_MS = 60_000

/*
 * A doorbell with a clock: waits for a ring, but not beyond a deadline.
 * 1. At most one timer is running for the nearest deadline; a deadline that moves by less than a millisecond does not
 *    start another.
 */
export class Alarm {
  readonly #clock: Clock
  readonly #wakeup = new Wakeup()
  #sleepingUntil = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ring(): void {
    this.#wakeup.ring()
  }

  /** Resolves at the next ring, or at about `deadline` (Clock.monotonic(); +Infinity = only the ring), or now and then. */
  async wait(deadline: number): Promise<void> {
    if (deadline < this.#sleepingUntil - 1) this.#sleep(deadline)
    await this.#wakeup.wait()
  }

  #sleep(deadline: number): void {
    const now = this.#clock.monotonic()
    const ms = Math.min(LONGEST_SLEEP_MS, Math.max(1, Math.ceil(deadline - now)))
    const until = now + ms
    this.#sleepingUntil = until
    void this.#clock.sleep(ms).then(() => {
      if (this.#sleepingUntil === until) this.#sleepingUntil = Number.POSITIVE_INFINITY
      this.#wakeup.ring()
    })
  }
}
