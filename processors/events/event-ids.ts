import { type Headers, lastHeader } from '../../topology/index.ts'
import { CORRELATION_ID } from './correlation-headers.ts'

/** A larger value is not parsed: it is one bad record among many. */
const MAX_VALUE_BYTES = 64 * 1024

/**
 * The ids by which log lines name an event. The event's id: field `eventId` of a JSON value. Its correlation id: the header
 * `correlation-id`, else the field `correlationId`, else the event's id. For bad records, so nothing is expected of them.
 */
export function eventIds({ headers, value }: { readonly headers: Headers; readonly value: Buffer | null }): {
  readonly eventId: string | undefined
  readonly correlationId: string | undefined
} {
  const fields = jsonFields(value)
  const eventId = idOf(fields.eventId)
  const header = lastHeader(headers, CORRELATION_ID)?.toString('utf8')
  return { eventId, correlationId: idOf(header) ?? idOf(fields.correlationId) ?? eventId }
}

function jsonFields(value: Buffer | null): Readonly<Record<string, unknown>> {
  if (value === null || value.length > MAX_VALUE_BYTES) return {}
  try {
    return Object(JSON.parse(value.toString('utf8'))) as Record<string, unknown>
  } catch {
    // It is a bad record.
    return {}
  }
}

function idOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
