import { StreamsError } from '../../state/index.ts'

/**
 * Why an instance did not answer a question. `code` is the server's; of what never reached it: NO_ANSWER, NO_INSTANCE,
 * NOT_AN_INSTANCE.
 */
export abstract class ClientError extends StreamsError {
  /** HTTP status; null without an answer. */
  readonly status: number | null
  constructor(status: number | null, code: string, message: string, options?: { cause?: unknown }) {
    super(code, message, options)
    this.status = status
  }
}

/** The trip or driver is not known (yet: see minOffset), or no instance runs its store (PROCESSORS). Take it as absent. */
export class NotFoundError extends ClientError {}

/** The events of that time are no longer kept. Ask for a later time. */
export class HistoryGoneError extends ClientError {}

/** Change the question. */
export class BadQuestionError extends ClientError {}

/** Give the token (HTTP_TOKEN of the instances). */
export class UnauthorizedError extends ClientError {}

/** Ask again later: no answer, or 503 for longer than patienceMs. */
export class UnavailableError extends ClientError {
  /** The time that the server asks to wait, ms; null when it said nothing. */
  readonly retryAfterMs: number | null
  constructor(
    status: number | null,
    code: string,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterMs?: number | null } = {},
  ) {
    super(status, code, message, options)
    this.retryAfterMs = options.retryAfterMs ?? null
  }
}

/** The server failed, or is not an instance of the application. Look at it. */
export class UnexpectedAnswerError extends ClientError {}
