import { StreamsError } from '../../state/ports/errors.ts'
import { errorFields, type LogFields } from '../logging/error-fields.ts'
import type { SentError } from './thread-messages.ts'

/** @param tasks those it concerns, if it does not say so itself */
export function packError(error: unknown, tasks: readonly string[] = []): SentError {
  const cause = error instanceof Error ? error : new Error(String(error))
  return {
    name: cause.name,
    message: cause.message,
    code: cause instanceof StreamsError ? cause.code : 'UNEXPECTED',
    stack: cause.stack ?? '',
    fields: { ...tasksField(tasks), ...errorFields(cause) },
  }
}

function tasksField(tasks: readonly string[]): LogFields {
  if (tasks.length === 0) return {}
  return tasks.length === 1 ? { taskId: tasks[0] } : { taskIds: tasks }
}

/** The error of a worker, with its code, its stack and where it happened (errorFields). */
export function unpackError(sent: SentError, where: { readonly thread?: number } = {}): StreamsError {
  const error = new StreamsError(sent.code, sent.message)
  error.name = sent.name
  error.stack = sent.stack
  return Object.assign(error, sent.fields, where)
}
