import {
  CommitFailedError,
  CommitUnknownError,
  ProductionError,
  StateDirectoryError,
  StreamsError,
} from '../../state/ports/errors.ts'
import { EpochRefusedError } from '../commit/epoch-size.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { ThreadListener } from '../ports/instance-events.ts'
import { PoisonedRecordError } from '../task/poisoned-records.ts'
import { isRetriable, TaskTimeout } from './task-timeout.ts'
import type { ThreadMetrics } from './thread-metrics.ts'

const COMMIT_FAILURES: ReadonlySet<string> = new Set(['COMMIT_FAILED', 'COMMIT_UNKNOWN', 'FENCED', 'EPOCH_REFUSED'])
/** Failures that end when the tasks are dropped and opened again from committed data. */
const RECOVERABLE: ReadonlySet<string> = new Set([
  ...COMMIT_FAILURES,
  'OFFSET_OUT_OF_RANGE',
  'STORE_CORRUPTED',
  'STORE_CLOSED',
  'POISONED_RECORD',
  'EPOCH_REFUSED',
])

/** Pause after the second failure in a row, doubled by each further one. */
const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 1000

export interface FailureLogOptions {
  readonly config: StreamsConfig
  readonly clock: Clock
  readonly metrics: ThreadMetrics
  readonly onEvent: ThreadListener
  /** Rung when another than the thread itself has met one. */
  readonly onMet: () => void
}

/*
 * Owns what a stream thread remembers of its failures.
 * 1. Each failure is reported once, however many places meet it.
 * 2. Failures in a row, with no commit settled between them, are answered with growing pauses.
 * 3. When nothing but retriable ones come for taskTimeoutMs, with no commit settled and never everything done, it is over.
 */
export class FailureLog {
  readonly #options: FailureLogOptions
  readonly #timeout: TaskTimeout
  #last: unknown = null
  #met: { readonly cause: unknown } | null = null
  #inARow = 0
  #commitsBefore = 0
  /** Clock.monotonic() before which nothing is tried again. */
  pausedUntil = Number.NEGATIVE_INFINITY

  constructor(options: FailureLogOptions) {
    this.#options = options
    this.#timeout = new TaskTimeout(options.clock, options.config)
  }

  /** How long brokers may keep the next attempt waiting, ms (invariant 3). */
  get timeLeft(): number {
    return this.#timeout.left
  }

  /** Something is being retried. */
  get isRetrying(): boolean {
    return this.#timeout.isRunning
  }

  /** There is nothing left to do: whatever was retried has been done. */
  caughtUp(): void {
    this.#timeout.gotFurther()
  }

  /** A standby or a query met what the thread has to recover from: its next step fails with it. */
  meet(cause: unknown): void {
    this.#met ??= { cause }
    this.#options.onMet()
  }

  /** @throws what was met */
  check(): void {
    const met = this.#met
    this.#met = null
    if (met !== null) throw met.cause
  }

  /** Counts and tells it. True when the writer must be initialised before the next commit. */
  note(error: unknown, tasks: readonly string[]): boolean {
    const wasRefused = error instanceof PoisonedRecordError && error.cause instanceof ProductionError
    const spoilsWriter = !isRecoverable(error) || isOf(error, COMMIT_FAILURES) || wasRefused
    if (error === this.#last) return spoilsWriter
    this.#last = error
    if (spoilsWriter) {
      this.#options.metrics.aborts++
      this.#options.metrics.produceErrors++
    }
    this.#options.onEvent({ type: 'recovered', error: asError(error), tasks })
    return spoilsWriter
  }

  /**
   * Invariants 2 and 3. A replay that gets further than the one before need not wait.
   * @param begun Clock.monotonic() when the last commit began, and the writer's session that is not open yet (null: it is)
   * @throws TaskTimeoutError
   */
  pause(
    error: unknown,
    tasks: readonly string[],
    begun: { readonly commit: number; readonly session: number | null },
  ): void {
    const { clock, metrics } = this.#options
    if (error instanceof PoisonedRecordError || error instanceof EpochRefusedError) return
    const hasCommitted = metrics.commits !== this.#commitsBefore
    this.#inARow = hasCommitted ? 1 : this.#inARow + 1
    this.#commitsBefore = metrics.commits
    if (hasCommitted || !isRetriable(error)) this.#timeout.gotFurther()
    if (isRetriable(error)) {
      const isCommit = error instanceof CommitFailedError || error instanceof CommitUnknownError
      const begunAt = isCommit ? begun.commit : (begun.session ?? clock.monotonic())
      const who = tasks.length === 0 ? 'a stream thread' : `tasks ${tasks.join(', ')}`
      const over = this.#timeout.failed(who, error, begunAt)
      if (over !== null) throw over
    }
    if (this.#inARow === 1) return
    this.pausedUntil = clock.monotonic() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#inARow - 2))
  }
}

export function isRecoverable(error: unknown): boolean {
  return isOf(error, RECOVERABLE) || isRetriable(error)
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

function isOf(error: unknown, codes: ReadonlySet<string>): boolean {
  return error instanceof StreamsError && codes.has(error.code)
}

/** Every store complains of a full disk; the error that the thread ends with says it once. */
export function isSameTrouble(error: unknown, failure: Error | null): boolean {
  return error instanceof StateDirectoryError && failure instanceof StateDirectoryError
}
