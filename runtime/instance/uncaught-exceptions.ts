/** Corresponds to Kafka Streams' StreamThreadExceptionResponse: REPLACE_THREAD, SHUTDOWN_CLIENT, SHUTDOWN_APPLICATION. */
export type UncaughtExceptionResponse = 'replace-thread' | 'shutdown-client' | 'shutdown-application'

/**
 * Decides what happens to the instance when a stream thread has died of an error. Called once for each such error; a handler that
 * throws counts as `shutdown-client`.
 */
export type UncaughtExceptionHandler = (error: Error) => UncaughtExceptionResponse

/** Asks the handler once per error, however many callers want to know. */
export class UncaughtExceptions {
  readonly #handler: UncaughtExceptionHandler
  readonly #responses = new WeakMap<Error, UncaughtExceptionResponse>()

  constructor(handler: UncaughtExceptionHandler = () => 'shutdown-client') {
    this.#handler = handler
  }

  responseTo(error: Error): UncaughtExceptionResponse {
    const known = this.#responses.get(error)
    if (known !== undefined) return known
    let response: UncaughtExceptionResponse
    try {
      response = this.#handler(error)
    } catch {
      // The instance stops with the first error.
      response = 'shutdown-client'
    }
    this.#responses.set(error, response)
    return response
  }
}
