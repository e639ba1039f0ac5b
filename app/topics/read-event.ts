import { eventCheck, keySerde, parseEvent } from '../../processors/events/event-serde.ts'
import type { AnyEvent } from '../../processors/events/ride-event.ts'
import type { LogRecord } from '../../runtime/index.ts'
import { InvalidRecordError } from '../../state/index.ts'

/** Reads the event of a record by the application's own rules; null for a record that the application makes a dead letter. */
export function readEvent(topic: string, { key, value, timestamp, headers }: LogRecord): AnyEvent | null {
  try {
    const event = value === null ? null : parseEvent(topic, value)
    eventCheck({ topic, key: key === null ? null : keySerde.deserialize(topic, key), value: event, timestamp, headers })
    return event
  } catch (error) {
    if (error instanceof InvalidRecordError) return null
    throw error
  }
}
