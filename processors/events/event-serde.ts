import { isUtf8 } from 'node:buffer'
import { InvalidRecordError, type RecordCheck, type Serde, type TimestampExtractor } from '../../topology/index.ts'
import { correlationHeaders } from './correlation-headers.ts'
import { MOST_BYTES } from './event-text.ts'
import { type EventParser, eventParser, sizeError } from './parse-event.ts'
import { type AnyEvent, recordTimeOf } from './ride-event.ts'
import { type EventScan, eventScan } from './scan-event.ts'
import { EVENT_TYPES, KEY_FIELD } from './schemas.ts'

const REPLACEMENT = '\ufffd'
const parsers: ReadonlyMap<string, EventParser> = new Map(EVENT_TYPES.map((type) => [type, eventParser(type)]))
const scans: ReadonlyMap<string, EventScan> = new Map(EVENT_TYPES.map((type) => [type, eventScan(type)]))

/** Parses the event of a record's value. Throws InvalidRecordError when it is invalid. eventCheck checks the key. */
export function parseEvent(topic: string, bytes: Buffer): AnyEvent {
  return parseEventIn(topic, bytes, 0, bytes.length)
}

/** The same for a value in `[start, end)`. */
function parseEventIn(topic: string, bytes: Buffer, start: number, end: number): AnyEvent {
  return scans.get(topic)?.(bytes, start, end) ?? parseWhole(topic, bytes.subarray(start, end))
}

/** By JSON.parse and the compiled schema: what they say of a value counts. */
export function parseWhole(topic: string, bytes: Buffer): AnyEvent {
  if (bytes.length > MOST_BYTES) throw sizeError()
  const text = bytes.toString('utf8')
  // Decoding puts U+FFFD where bytes are not UTF-8.
  if (text.includes(REPLACEMENT) && !isUtf8(bytes)) {
    throw new InvalidRecordError('json', 'value is not JSON: it is not valid UTF-8')
  }
  const parser = parsers.get(topic)
  if (parser === undefined) throw new InvalidRecordError('event-type', `topic ${topic} is not an event topic`)
  return parser(text)
}

/** For sources only: events are read, never written, by this app. */
export function eventSerde<E extends AnyEvent>(): Serde<E> {
  return {
    serialize(topic): never {
      throw new TypeError(`the topology cannot write events (topic ${topic}): it only reads them`)
    },
    deserialize: (topic, bytes) => parseEvent(topic, bytes) as E,
    deserializeIn: (topic, bytes, start, end) => parseEventIn(topic, bytes, start, end) as E,
  }
}

/** Accepts only valid UTF-8: bytes that decode to the right text by replacement are no key. */
export const keySerde: Serde<string> = {
  serialize: (_topic, key) => key,
  deserialize(_topic, bytes) {
    const key = bytes.toString('utf8')
    if (key.includes(REPLACEMENT) && !isUtf8(bytes)) throw new InvalidRecordError('key', 'key is not valid UTF-8')
    return key
  },
  deserializeText: (_topic, key) => key,
}

/**
 * The rules beyond the value: value and key must exist, and the key must be the trip's or driver's id. Headers of a valid record
 * are reduced to those that outputs copy.
 */
export const eventCheck: RecordCheck = (record) => {
  if (record.value === null) throw new InvalidRecordError('null-value', 'value is null')
  const event = record.value as AnyEvent
  if (record.key === null)
    throw new InvalidRecordError('key', `key is null, but it must equal data.${KEY_FIELD[event.type]}`)
  const id = event.type === 'driver.location.updated' ? event.data.driverId : event.data.tripId
  if (record.key !== id) {
    const texts = [record.key, id].map((text) => JSON.stringify(text).slice(0, 100))
    throw new InvalidRecordError('key', `key ${texts[0]} differs from data.${KEY_FIELD[event.type]} ${texts[1]}`)
  }
  return correlationHeaders(event.correlationId)
}

/** The record's own timestamp decides nothing: an event without one is processed at the time of the event. */
export const eventTimestamp: TimestampExtractor = ({ value, timestamp }) => recordTimeOf(value as AnyEvent, timestamp)
