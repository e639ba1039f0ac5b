import { rootMessage } from './protocol-error.ts'

/** An action that is tried again and again. */
export interface Waiting {
  readonly action: string
  readonly waitedMs: number
  /** Why the last attempt failed; null: the first one has no end yet. */
  readonly reason: string | null
}

/** When a wait is told for the first time, ms: a person who looks at the start of a program still waits. */
const FIRST_MS = 3000
const LONGEST_MS = 30_000

/** Tells of one long wait: after some seconds, then in growing intervals, until it is stopped. */
export class WaitReports {
  readonly #action: string
  readonly #tell: (waiting: Waiting) => void
  readonly #begin = performance.now()
  #reason: string | null = null
  #timer: NodeJS.Timeout

  constructor(action: string, tell: (waiting: Waiting) => void) {
    this.#action = action
    this.#tell = tell
    this.#timer = this.#after(FIRST_MS)
  }

  failed(error: unknown): void {
    this.#reason = rootMessage(error)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #after(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      const waitedMs = Math.round(performance.now() - this.#begin)
      this.#tell({ action: this.#action, waitedMs, reason: this.#reason })
      this.#timer = this.#after(Math.min(LONGEST_MS, 2 * ms))
    }, ms)
  }
}
