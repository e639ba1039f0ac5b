import { messageOf, UserCodeError } from '../../state/ports/errors.ts'

/** Kafka Streams' StreamThreadExceptionResponse: REPLACE_THREAD, SHUTDOWN_CLIENT, SHUTDOWN_APPLICATION. */
export const UNCAUGHT_RESPONSES = ['replace-thread', 'shutdown-client', 'shutdown-application'] as const

export type UncaughtExceptionResponse = (typeof UNCAUGHT_RESPONSES)[number]

/**
 * Decides what happens to the instance when a stream thread has died of an error. Called once for each such error; a handler that
 * throws, or answers something else, counts as `shutdown-client`.
 */
export type UncaughtExceptionHandler = (error: Error) => UncaughtExceptionResponse

/** Asks the handler once per error, however many callers want to know. */
export class UncaughtExceptions {
  readonly #handler: UncaughtExceptionHandler
  readonly #onFailed: (error: UserCodeError) => void
  readonly #responses = new WeakMap<Error, UncaughtExceptionResponse>()

  /**
   * @param handler default: the instance stops
   * @param onFailed called when the handler fails; the instance stops with the first error all the same
   */
  constructor(handler: UncaughtExceptionHandler | undefined, onFailed: (error: UserCodeError) => void) {
    this.#handler = handler ?? (() => 'shutdown-client')
    this.#onFailed = onFailed
  }

  responseTo(error: Error): UncaughtExceptionResponse {
    const known = this.#responses.get(error)
    if (known !== undefined) return known
    const response = this.#ask(error)
    this.#responses.set(error, response)
    return response
  }

  #ask(error: Error): UncaughtExceptionResponse {
    try {
      const response = this.#handler(error) ?? 'shutdown-client'
      if (UNCAUGHT_RESPONSES.includes(response)) return response
      throw new TypeError(`it answered ${JSON.stringify(response)}, expected ${UNCAUGHT_RESPONSES.join(', ')}`)
    } catch (cause) {
      this.#onFailed(new UserCodeError(`the uncaught exception handler failed: ${messageOf(cause)}`, { cause }))
      return 'shutdown-client'
    }
  }
}
