import type { Logger } from './logger.ts'

const LINES_PER_SECOND = 10

/*
 * Owns the only limit of the log: writes lines of one kind, and keeps a flood of them down to a few in each second.
 * 1. Lines that are not written are counted, and the next line that is written says how many (`notLogged`).
 */
export class LimitedLines {
  readonly #logger: Logger
  readonly #now: () => number
  #second = Number.NEGATIVE_INFINITY
  #written = 0
  #skipped = 0

  /** @param now ms, monotonic */
  constructor(logger: Logger, now: () => number = () => performance.now()) {
    this.#logger = logger
    this.#now = now
  }

  write(level: 'warn' | 'error', fields: object, message: string): void {
    const now = this.#now()
    if (now - this.#second >= 1000) {
      this.#second = now
      this.#written = 0
    }
    if (this.#written >= LINES_PER_SECOND) {
      this.#skipped++
      return
    }
    this.#written++
    const notLogged = this.#skipped
    this.#skipped = 0
    this.#logger[level]({ ...fields, ...(notLogged > 0 && { notLogged }) }, message)
  }

  /** Counts lines that nobody has made. */
  skip(lines: number): void {
    this.#skipped += lines
  }
}
