import type { Payload } from '../../../app/simulator/simulated-event.ts'
import { eventCheck, parseEvent } from '../../../processors/events/event-serde.ts'
import type { AnyEvent } from '../../../processors/events/ride-event.ts'
import { KEY_FIELD } from '../../../processors/events/schemas.ts'
import { InvalidRecordError } from '../../../state/ports/errors.ts'
import { NO_HEADERS } from '../../../state/ports/headers.ts'

/** Parses a payload as the application does: the event, or null for an invalid record. */
export function understood(payload: Payload): AnyEvent | null {
  const { topic, key, value } = recordOf(payload)
  try {
    if (value === null) return null
    const event = parseEvent(topic, Buffer.from(value))
    eventCheck({ topic, key, value: event, timestamp: payload.timestamp, headers: NO_HEADERS })
    return event
  } catch (error) {
    if (error instanceof InvalidRecordError) return null
    throw error
  }
}

/** The payload as record, ids and all: equal payloads are equal texts. */
export function recordOf(payload: Payload): { topic: string; key: string | null; value: string | null } {
  if (payload.kind === 'raw') return { topic: payload.topic, key: payload.key, value: payload.value }
  const { envelope } = payload
  const key = (envelope.data as Readonly<Record<string, unknown>>)[KEY_FIELD[envelope.eventType]] as string
  return { topic: envelope.eventType, key, value: JSON.stringify(envelope) }
}
