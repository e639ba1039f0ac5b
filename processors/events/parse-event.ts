import { InvalidRecordError } from '../../topology/index.ts'
import { type Cents, centsOfNumber, centsOfText } from '../money.ts'
import { instantMs, subMsDigits } from '../time/parse-instant.ts'
import { eventCheck } from './event-check.ts'
import { isTooDeep, isTooLong, MOST_BYTES, MOST_NESTING, numberTextOf } from './event-text.ts'
import { keptTextLength, MOST_KEPT_TEXT } from './kept-text.ts'
import type { AnyEvent } from './ride-event.ts'
import {
  EVENT_SCHEMAS,
  type EventEnvelope,
  type EventType,
  type FareField,
  fareFieldOf,
  idFieldsOf,
  KEY_FIELD,
  MOST_ID,
} from './schemas.ts'

/** Reason why a record is not an event; the label of dead_letters_total. */
export type InvalidReason =
  | 'size'
  | 'json'
  | 'nesting'
  | 'schema'
  | 'event-type'
  | 'version'
  | 'timestamp'
  | 'key'
  | 'null-value'

/** Turns the value of one topic's records, as text, into events; throws InvalidRecordError. */
export type EventParser = (text: string) => AnyEvent

const MESSAGE_LIMIT = 300

/**
 * The parser of one topic: one JSON.parse and one compiled check. Most events are scanned (scan-event.ts) and do not get here.
 */
export function eventParser(type: EventType): EventParser {
  const check = eventCheck(EVENT_SCHEMAS[type])
  const fareField = fareFieldOf(type)
  const keyField = KEY_FIELD[type]
  const idFields = idFieldsOf(type)

  return (text) => {
    if (isTooLong(text)) throw sizeError()
    const parsed: unknown = parseJson(text)
    if (isTooDeep(text)) throw invalid('nesting', `value nests deeper than the limit of ${MOST_NESTING} levels`)
    if (!check().Check(parsed)) throw schemaError(parsed, type, () => check().Errors(parsed))
    const envelope = parsed as EventEnvelope
    if (!isMajorOne(envelope.eventVersion)) throw versionError(envelope.eventVersion)
    const id = (envelope.data as IdData)[keyField] ?? ''
    if (id.length === 0 || id.length > MOST_ID) throw idLengthError(keyField, id)
    // Valid UTF-8 holds no lone surrogate, so only an escape can make one.
    if (text.includes(UNICODE_ESCAPE)) checkIds(envelope, idFields)
    // Only few events are long enough to need this check.
    if (text.length > MOST_KEPT_TEXT) checkKeptText(type, envelope)
    const at = instantMs(envelope.timestamp)
    if (Number.isNaN(at)) throw timestampError('timestamp', envelope.timestamp)
    return {
      type,
      eventId: envelope.eventId,
      at,
      sub: subMsDigits(envelope.timestamp),
      correlationId: envelope.correlationId ?? null,
      data: envelope.data,
      fare: fareField === null ? null : fareOf(envelope.data as FareData, fareField, text),
      completedAt:
        type === 'trip.completed' ? completedAtOf(envelope.data as EventEnvelope<'trip.completed'>['data']) : null,
    } as AnyEvent
  }
}

const UNICODE_ESCAPE = '\\u'

type IdData = Readonly<Record<string, string | undefined>>

/** A lone surrogate has no UTF-8: different ids would become one key, one header, one row. */
function checkIds(envelope: EventEnvelope, fields: readonly string[]): void {
  if (!envelope.eventId.isWellFormed()) throw surrogateError('eventId')
  if (envelope.correlationId?.isWellFormed() === false) throw surrogateError('correlationId')
  for (const field of fields) {
    if ((envelope.data as IdData)[field]?.isWellFormed() === false) throw surrogateError(`data.${field}`)
  }
}

function surrogateError(field: string): InvalidRecordError {
  return invalid('schema', `${field} is not Unicode text: it has half of a surrogate pair`)
}

function idLengthError(field: string, { length }: string): InvalidRecordError {
  return invalid('schema', `data.${field} has ${length} characters; an id has 1 to ${MOST_ID}`)
}

/** For bytes that can be refused without decoding. */
export function sizeError(): InvalidRecordError {
  return invalid('size', `value is larger than the limit of ${MOST_BYTES} bytes`)
}

function checkKeptText(type: EventType, envelope: EventEnvelope): void {
  const length = keptTextLength(type, envelope)
  if (length > MOST_KEPT_TEXT) {
    throw invalid('schema', `the texts of the event have ${length} characters together; the limit is ${MOST_KEPT_TEXT}`)
  }
}

type FareData = { readonly [F in FareField]?: number }

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw invalid('json', `value is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function isMajorOne(version: string): boolean {
  return version === '1.0' || version === '1' || /^1\.\d+$/.test(version)
}

function completedAtOf(data: { readonly completedAt?: string }): number | null {
  if (data.completedAt === undefined) return null
  const at = instantMs(data.completedAt)
  if (Number.isNaN(at)) throw timestampError('data.completedAt', data.completedAt)
  return at
}

function fareOf(data: FareData, field: FareField, text: string): Cents {
  const units = data[field] ?? 0
  // A double of this size has lost its cents: read them from the text.
  const cents = centsOfNumber(units) ?? centsOfText(numberTextOf(text, field)) ?? Number.NaN
  if (Number.isNaN(cents)) throw fareError(field, units)
  return cents
}

/** A sum of doubles is off by less than this part of itself, and by less than a tenth of a cent. */
const MOST_NOISE = 1e-11
const TENTH_OF_A_CENT = 0.001

function fareError(field: FareField, units: number): InvalidRecordError {
  const rounded = Math.round(units * 100) / 100
  const off = Math.abs(units - rounded)
  const isNoise = off > 0 && off < TENTH_OF_A_CENT && off <= MOST_NOISE * Math.max(1, units)
  const advice = isNoise ? `round it to cents before sending (${rounded})` : 'an amount has whole cents'
  return invalid('schema', `data.${field} has more than two decimals: ${units}; ${advice}`)
}

/** A wrong type or version explains more than a field that is missing because of it. */
function schemaError(
  parsed: unknown,
  type: EventType,
  errors: () => ReadonlyArray<{ instancePath: string; message: string; params: unknown }>,
): InvalidRecordError {
  if (typeof parsed === 'object' && parsed !== null) {
    const { eventType, eventVersion } = parsed as { eventType?: unknown; eventVersion?: unknown }
    if (typeof eventType === 'string' && eventType !== type) {
      return invalid('event-type', `eventType is ${JSON.stringify(eventType)}, but the topic is ${type}`)
    }
    if (typeof eventVersion === 'string' && !isMajorOne(eventVersion)) return versionError(eventVersion)
  }
  const first = errors()[0]
  if (first === undefined) return invalid('schema', 'value does not match its schema')
  const field = first.instancePath === '' ? 'value' : first.instancePath.slice(1).replaceAll('/', '.')
  return invalid('schema', `${field} ${first.message}`)
}

function versionError(version: string): InvalidRecordError {
  return invalid('version', `eventVersion is ${JSON.stringify(version)}; only 1 and 1.N are supported`)
}

function timestampError(field: string, text: string): InvalidRecordError {
  return invalid(
    'timestamp',
    `${field} is not an ISO 8601 instant with Z or an offset in the years 0000 to 9999: ${JSON.stringify(text)}`,
  )
}

/** One bounded line: it goes into a header and a log line. */
function invalid(reason: InvalidReason, message: string): InvalidRecordError {
  const line = message.replace(/\s+/g, ' ')
  return new InvalidRecordError(reason, line.length > MESSAGE_LIMIT ? `${line.slice(0, MESSAGE_LIMIT)}…` : line)
}
