import type { ThreadEvent } from '../../runtime/ports/instance-events.ts'
import { StreamsError } from '../../state/ports/errors.ts'
import { descriptionIn, errorFields, type LogFields } from '../logging/error-fields.ts'
import type { SentError, SentEvent } from './thread-messages.ts'

/** Longer chains of causes are loops. */
const MAX_CAUSES = 10

/** @param tasks those it concerns, if it does not say so itself */
export function packError(error: unknown, tasks: readonly string[] = []): SentError {
  const thrown = error instanceof Error ? error : new Error(String(error))
  const fields = { ...tasksField(tasks), ...errorFields(thrown) }
  return { ...packed(thrown, MAX_CAUSES), fields, description: descriptionIn(thrown) }
}

function packed(error: Error, causes: number): SentError {
  const { name, message, stack = '', cause } = error
  return {
    name,
    message,
    code: error instanceof StreamsError ? error.code : 'UNEXPECTED',
    stack,
    cause: cause instanceof Error && causes > 0 ? packed(cause, causes - 1) : null,
    fields: {},
    description: {},
  }
}

function tasksField(tasks: readonly string[]): LogFields {
  if (tasks.length === 0) return {}
  return tasks.length === 1 ? { taskId: tasks[0] } : { taskIds: tasks }
}

/** The error of a worker, with its code, its stack, its causes and where it happened (errorFields). */
export function unpackError(sent: SentError, where: { readonly thread?: number } = {}): StreamsError {
  const error = new StreamsError(sent.code, sent.message, sent.cause === null ? {} : { cause: unpackError(sent.cause) })
  error.name = sent.name
  error.stack = sent.stack
  // Not enumerable: the `err` of a log line shows these fields as they are.
  Object.defineProperty(error, 'description', { value: sent.description })
  return Object.assign(error, sent.fields, where)
}

export function packEvent(event: ThreadEvent): SentEvent {
  return 'error' in event ? { ...event, error: packError(event.error, event.tasks) } : event
}

export function unpackEvent(sent: SentEvent, thread: number): ThreadEvent {
  return 'error' in sent ? { ...sent, error: unpackError(sent.error, { thread }) } : sent
}
