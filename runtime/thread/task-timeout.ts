import { CommitFailedError, CommitUnknownError, RetriableError, TaskTimeoutError } from '../../state/ports/errors.ts'
import type { Clock } from '../ports/clock.ts'

/** True for what the brokers may do when asked again: also a commit that failed for such a reason. */
export function isRetriable(error: unknown): error is Error {
  if (error instanceof CommitFailedError || error instanceof CommitUnknownError) return isRetriable(error.cause)
  return error instanceof RetriableError
}

/** Since when something is tried without getting further; as task.timeout.ms of Kafka Streams. */
export class TaskTimeout {
  readonly #clock: Clock
  readonly #timeoutMs: number
  #since: number | null = null

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  get isRunning(): boolean {
    return this.#since !== null
  }

  gotFurther(): void {
    this.#since = null
  }

  /** How long the next attempt may take, ms. */
  get left(): number {
    return this.#since === null
      ? this.#timeoutMs
      : Math.max(0, Math.ceil(this.#since + this.#timeoutMs - this.#clock.monotonic()))
  }

  /**
   * Decides about a failure: null = try again, else there is no more time.
   * @param begunAt Clock.monotonic() when the attempt that failed began
   */
  failed(what: string, error: Error, begunAt = this.#clock.monotonic()): TaskTimeoutError | null {
    const now = this.#clock.monotonic()
    this.#since ??= begunAt
    return now - this.#since >= this.#timeoutMs ? new TaskTimeoutError(what, this.#timeoutMs, error) : null
  }
}
