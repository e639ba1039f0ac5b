import { StreamsError } from '../../state/ports/errors.ts'
import type { SentError } from './thread-messages.ts'

export function packError(error: unknown): SentError {
  const cause = error instanceof Error ? error : new Error(String(error))
  return {
    name: cause.name,
    message: cause.message,
    code: cause instanceof StreamsError ? cause.code : 'UNEXPECTED',
    stack: cause.stack ?? '',
  }
}

/** The error of a worker, with its code and its stack. */
export function unpackError(sent: SentError): StreamsError {
  const error = new StreamsError(sent.code, sent.message)
  error.name = sent.name
  error.stack = sent.stack
  return error
}
