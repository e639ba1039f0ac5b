import type { Header } from '../../topology/index.ts'
import { parseEvent } from './event-serde.ts'
import { EVENT_TYPES, type EventEnvelope, type EventType, KEY_FIELD } from './schemas.ts'

/** An event in the form for Kafka. */
export interface EncodedEvent {
  readonly topic: EventType
  readonly key: string
  /** JSON text. */
  readonly value: string
  /** Event time, epoch ms. */
  readonly timestamp: number
  readonly headers: readonly Header[]
}

/**
 * For producers: validates with the application's own code, and sets topic, key, headers and record timestamp. Throws
 * InvalidRecordError.
 */
export function encodeEvent<T extends EventType>(envelope: EventEnvelope<T>): EncodedEvent {
  const { eventType, eventVersion } = envelope
  const value = JSON.stringify(envelope)
  const { at } = parseEvent(eventType, Buffer.from(value))
  return {
    topic: eventType,
    key: (envelope.data as Readonly<Record<string, unknown>>)[KEY_FIELD[eventType]] as string,
    value,
    timestamp: at,
    headers: eventVersion === CURRENT ? currentHeaders[eventType] : headersOf(eventType, eventVersion),
  }
}

const CURRENT = '1.0'

function headersOf(type: EventType, version: string): readonly Header[] {
  return [
    { key: 'event-type', value: Buffer.from(type) },
    { key: 'event-version', value: Buffer.from(version) },
  ]
}

/** The same object for every event of a type: a writer encodes it once. */
const currentHeaders = Object.fromEntries(EVENT_TYPES.map((type) => [type, headersOf(type, CURRENT)])) as {
  readonly [T in EventType]: readonly Header[]
}
