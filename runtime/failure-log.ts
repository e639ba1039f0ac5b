import { StreamsError } from '../state/ports/errors.ts'
import type { Clock } from './ports/clock.ts'
import type { ThreadMetrics } from './thread-metrics.ts'

const COMMIT_FAILURES: ReadonlySet<string> = new Set(['COMMIT_FAILED', 'COMMIT_UNKNOWN', 'FENCED'])
/** What dropping the tasks and opening them from committed data makes good. */
const RECOVERABLE: ReadonlySet<string> = new Set([
  ...COMMIT_FAILURES,
  'OFFSET_OUT_OF_RANGE',
  'STORE_CORRUPTED',
  'STORE_CLOSED',
  'POISONED_RECORD',
])

/** Pause after the second failure in a row, doubled by each further one. */
const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 1000

export interface FailureLogOptions {
  readonly clock: Clock
  readonly metrics: ThreadMetrics
  readonly onFailure: (error: Error) => void
}

/*
 * Owns what a stream thread remembers of its failures.
 * 1. Each failure is told once, however many places meet it.
 * 2. Failures in a row, with no commit settled between them, are answered with growing pauses.
 */
export class FailureLog {
  readonly #options: FailureLogOptions
  #last: unknown = null
  #inARow = 0
  #commitsBefore = 0
  /** Clock.monotonic() before which nothing is tried again. */
  pausedUntil = Number.NEGATIVE_INFINITY

  constructor(options: FailureLogOptions) {
    this.#options = options
  }

  /** Counts and tells it. True when the writer must be initialised before the next commit. */
  note(error: unknown): boolean {
    const spoilsWriter = !isRecoverable(error) || isOf(error, COMMIT_FAILURES)
    if (error === this.#last) return spoilsWriter
    this.#last = error
    if (spoilsWriter) {
      this.#options.metrics.aborts++
      this.#options.metrics.produceErrors++
    }
    this.#options.onFailure(asError(error))
    return spoilsWriter
  }

  /** Invariant 2. */
  pause(): void {
    const { clock, metrics } = this.#options
    this.#inARow = metrics.commits === this.#commitsBefore ? this.#inARow + 1 : 1
    this.#commitsBefore = metrics.commits
    if (this.#inARow === 1) return
    this.pausedUntil = clock.monotonic() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#inARow - 2))
  }
}

export function isRecoverable(error: unknown): boolean {
  return isOf(error, RECOVERABLE)
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

function isOf(error: unknown, codes: ReadonlySet<string>): boolean {
  return error instanceof StreamsError && codes.has(error.code)
}
