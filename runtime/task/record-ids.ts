import { lastHeader } from '../../state/ports/headers.ts'
import type { LogRecord } from '../ports/log.ts'

/** Ids by which a log line names a record that has them. */
export interface RecordIds {
  readonly eventId?: string
  readonly correlationId?: string
}

/** A value that is larger is not looked into: it is one bad record among many. */
const MAX_VALUE_BYTES = 64 * 1024
const MAX_ID = 200

/**
 * The event's id: field `eventId` of a JSON value. Its correlation id: the header `correlation-id`, else the field `correlationId`, else
 * the event's id. For bad records, so nothing is expected of them; ids are cut.
 */
export function recordIds({ headers, value }: Pick<LogRecord, 'headers' | 'value'>): RecordIds {
  const fields = jsonFields(value)
  const eventId = idOf(fields.eventId)
  const header = lastHeader(headers, 'correlation-id')?.toString('utf8')
  const correlationId = idOf(header) ?? idOf(fields.correlationId) ?? eventId
  return { ...(eventId !== undefined && { eventId }), ...(correlationId !== undefined && { correlationId }) }
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
  return typeof value === 'string' && value !== '' ? value.slice(0, MAX_ID) : undefined
}
