import type { Clock } from '../../runtime/ports/clock.ts'

interface Timer {
  readonly due: number
  readonly run: () => void
}

/**
 * Time that stands still until a test waits for something: then it jumps from timer to timer, as soon as nothing else goes
 * on. So a test that needs minutes of the program's time takes milliseconds, and never sleeps.
 */
export class ManualTime implements Clock {
  #now = 1_700_000_000_000
  #timers: Timer[] = []
  #wallAhead = 0

  now(): number {
    return this.#now + this.#wallAhead
  }

  /** Sets the wall clock; the monotonic clock continues as before. */
  jumpWallClock(ms: number): void {
    this.#wallAhead += ms
  }

  monotonic(): number {
    return this.#now
  }

  sleep(ms: number): Promise<void> {
    return new Promise((run) => {
      this.#timers.push({ due: this.#now + ms, run })
    })
  }

  yield(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await this.yield()
  }

  /** Lets `ms` pass, timer by timer. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    await this.settle()
    for (let timer = this.#next(); timer !== undefined && timer.due <= end; timer = this.#next()) {
      this.#fire(timer)
      await this.settle()
    }
    this.#now = end
  }

  /** Lets time pass until the condition holds. Throws when it does not within `limitMs` of this time. */
  async until(what: string, condition: () => boolean, limitMs = 60_000): Promise<void> {
    const limit = this.#now + limitMs
    for (;;) {
      await this.settle()
      if (condition()) return
      const timer = this.#next()
      if (timer === undefined) throw new Error(`${what}: nothing happens any more`)
      if (timer.due > limit) throw new Error(`${what}: not within ${limitMs} ms`)
      this.#fire(timer)
    }
  }

  #next(): Timer | undefined {
    return this.#timers.length === 0 ? undefined : this.#timers.reduce((a, b) => (b.due < a.due ? b : a))
  }

  #fire(timer: Timer): void {
    this.#timers = this.#timers.filter((other) => other !== timer)
    this.#now = Math.max(this.#now, timer.due)
    timer.run()
  }
}
