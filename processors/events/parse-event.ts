import { Compile } from 'typebox/compile'
import { InvalidRecordError } from '../../state/ports/errors.ts'
import { type Cents, centsOfNumber, centsOfText } from '../money.ts'
import { instantMs, subMsDigits } from '../time/parse-instant.ts'
import { keptTextLength, MOST_KEPT_TEXT } from './kept-text.ts'
import type { AnyEvent } from './ride-event.ts'
import { EVENT_SCHEMAS, type EventEnvelope, type EventType } from './schemas.ts'

/** Why a record is not an event; the label of dead_letters_total. */
export type InvalidReason = 'json' | 'schema' | 'event-type' | 'version' | 'timestamp' | 'key' | 'null-value'

/** Turns the value of one topic's records, as text, into events; throws InvalidRecordError. */
export type EventParser = (text: string) => AnyEvent

const MESSAGE_LIMIT = 300

/**
 * The parser of one topic. Runs for every record: one JSON.parse, one compiled check, no regular expression
 * and one allocation (the event) on the way of a valid record.
 */
export function eventParser(type: EventType): EventParser {
  const validator = Compile(EVENT_SCHEMAS[type])
  const fareField = fareFieldOf(type)

  return (text) => {
    const parsed: unknown = parseJson(text)
    if (!validator.Check(parsed)) throw schemaError(parsed, type, () => validator.Errors(parsed))
    const envelope = parsed as EventEnvelope
    if (!isMajorOne(envelope.eventVersion)) throw versionError(envelope.eventVersion)
    // Few events are so long that they have to be looked through.
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

function checkKeptText(type: EventType, envelope: EventEnvelope): void {
  const length = keptTextLength(type, envelope)
  if (length > MOST_KEPT_TEXT) {
    throw invalid('schema', `texts of ${length} characters together, at most ${MOST_KEPT_TEXT} are taken`)
  }
}

type FareField = 'estimatedFare' | 'finalFare'
type FareData = { readonly [F in FareField]?: number }

function fareFieldOf(type: EventType): FareField | null {
  return type === 'trip.requested' ? 'estimatedFare' : type === 'trip.completed' ? 'finalFare' : null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw invalid('json', `value is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function isMajorOne(version: string): boolean {
  return version === '1.0' || version === '1' || version.startsWith('1.')
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
  const cents = centsOfNumber(units) ?? centsOfText(numberText(text, field)) ?? Number.NaN
  if (Number.isNaN(cents)) throw invalid('schema', `data.${field} has more than two decimals: ${units}`)
  return cents
}

/** The digits of data's number field as they stand in the JSON text. */
function numberText(text: string, field: FareField): string {
  const keepSource = (key: string, value: unknown, context?: { source?: string }): unknown =>
    key === field && typeof value === 'number' ? (context?.source ?? '') : value
  // TypeScript's library does not know the reviver's third argument yet (ES2026, JSON.parse source text access).
  const parsed = JSON.parse(text, keepSource as (key: string, value: unknown) => unknown) as {
    data: { [F in FareField]?: string }
  }
  return parsed.data[field] ?? ''
}

/** A wrong type or version explains more than the field that misses because of it. */
function schemaError(
  parsed: unknown,
  type: EventType,
  errors: () => ReadonlyArray<{ instancePath: string; message: string; params: unknown }>,
): InvalidRecordError {
  if (typeof parsed === 'object' && parsed !== null) {
    const { eventType, eventVersion } = parsed as { eventType?: unknown; eventVersion?: unknown }
    if (typeof eventType === 'string' && eventType !== type) {
      return invalid('event-type', `eventType is ${JSON.stringify(eventType)}, the topic is ${type}`)
    }
    if (typeof eventVersion === 'string' && !isMajorOne(eventVersion)) return versionError(eventVersion)
  }
  const first = errors()[0]
  if (first === undefined) return invalid('schema', 'value does not match its schema')
  const field = first.instancePath === '' ? 'value' : first.instancePath.slice(1).replaceAll('/', '.')
  return invalid('schema', `${field} ${first.message}`)
}

function versionError(version: string): InvalidRecordError {
  return invalid('version', `eventVersion is ${JSON.stringify(version)}, major version 1 is understood`)
}

function timestampError(field: string, text: string): InvalidRecordError {
  return invalid('timestamp', `${field} is no ISO 8601 instant with offset: ${JSON.stringify(text)}`)
}

/** One line, bounded: it goes into a header and a log line. */
function invalid(reason: InvalidReason, message: string): InvalidRecordError {
  const line = message.replace(/\s+/g, ' ')
  return new InvalidRecordError(reason, line.length > MESSAGE_LIMIT ? `${line.slice(0, MESSAGE_LIMIT)}…` : line)
}
