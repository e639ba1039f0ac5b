/*
 * Keeps a flood of like log lines down to a few in each second.
 * 1. What is not written is counted, and the count goes into the next line that is.
 */
export class LineBudget {
  readonly #perSecond: number
  readonly #now: () => number
  #second = Number.NEGATIVE_INFINITY
  #written = 0
  #skipped = 0

  /** @param now ms, monotonic */
  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond
    this.#now = now
  }

  /** How many were not written since the last line; null: this one is not to be written either. */
  take(): number | null {
    const now = this.#now()
    if (now - this.#second >= 1000) {
      this.#second = now
      this.#written = 0
    }
    if (this.#written >= this.#perSecond) {
      this.#skipped++
      return null
    }
    this.#written++
    const skipped = this.#skipped
    this.#skipped = 0
    return skipped
  }

  /** take() as what the line says of it. */
  fields(): { readonly notLogged?: number } | null {
    const notLogged = this.take()
    if (notLogged === null) return null
    return notLogged > 0 ? { notLogged } : {}
  }

  /** Some of which not even their turn was asked for. */
  skip(lines: number): void {
    this.#skipped += lines
  }
}
