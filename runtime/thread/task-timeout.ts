import { CommitFailedError, CommitUnknownError, RetriableError, TaskTimeoutError } from '../../state/ports/errors.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'

/** True for what the brokers may do when asked again: also a commit that failed for such a reason. */
export function isRetriable(error: unknown): error is Error {
  if (error instanceof CommitFailedError || error instanceof CommitUnknownError) return isRetriable(error.cause)
  return error instanceof RetriableError
}

export type TimeoutConfig = Pick<StreamsConfig, 'taskTimeoutMs' | 'names'>

/** Since when something is tried without getting further; as task.timeout.ms of Kafka Streams. */
export class TaskTimeout {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #setting: string
  #since: number | null = null

  constructor(clock: Clock, { taskTimeoutMs, names }: TimeoutConfig) {
    this.#clock = clock
    this.#timeoutMs = taskTimeoutMs
    this.#setting = names.taskTimeoutMs
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
    if (now - this.#since < this.#timeoutMs) return null
    return new TaskTimeoutError(what, { timeoutMs: this.#timeoutMs, setting: this.#setting }, error)
  }
}
