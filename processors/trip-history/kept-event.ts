import type { TripEvent } from '../events/ride-event.ts'
import { EVENT_SCHEMAS, type FareField, fareFieldOf, TRIP_EVENT_TYPES, type TripEventType } from '../events/schemas.ts'
import { JsonText } from '../json-text.ts'
import { type Cents, centsFromJson, centsToJson, moneyToJson } from '../money.ts'
import { FIRST_INSTANT, instantMs } from '../time/parse-instant.ts'

/*
 * An event as one part of a history.
 * Name: ms since the year 0000 in 15 digits, digits below the millisecond, a space, the eventId, the type as one digit (its place in
 *   TRIP_EVENT_TYPES). So names are in the order of time.
 * Value: JSON array of the correlationId and the fields of data in the order of their schema. Places are arrays in the same way. The
 *   fare is in cents (a string beyond 2^53), what is absent is null, and nulls at the end are left out. Therefore new types and new
 *   fields stand at the end of their list.
 */

const AT_DIGITS = 15
/** Ten digits and more are slow to print. */
const LOW_DIGITS = 8
const LOW = 10 ** LOW_DIGITS

export function partNameOf({ type, at, sub, eventId }: Pick<TripEvent, 'type' | 'at' | 'sub' | 'eventId'>): string {
  const ms = at - FIRST_INSTANT
  const high = Math.floor(ms / LOW)
  const first = String(high).padStart(AT_DIGITS - LOW_DIGITS, '0')
  const last = String(ms - high * LOW).padStart(LOW_DIGITS, '0')
  return `${first}${last}${sub} ${eventId}${TRIP_EVENT_TYPES.indexOf(type)}`
}

/** Reads the name of a part. @throws RangeError when it is no such name */
export function markOfName(name: string): Pick<TripEvent, 'type' | 'at' | 'sub' | 'eventId'> {
  const subEnd = name.indexOf(' ', AT_DIGITS)
  const at = Number(name.slice(0, AT_DIGITS)) + FIRST_INSTANT
  const type = TRIP_EVENT_TYPES[Number(name.at(-1))]
  if (subEnd < 0 || type === undefined || !Number.isSafeInteger(at)) throw new RangeError(`${name} names no event`)
  return { type, at, sub: name.slice(AT_DIGITS, subEnd), eventId: name.slice(subEnd + 1, -1) }
}

const json = new JsonText()

/** Producers may send more than the schema names: it is neither kept nor shown. */
export function partTextOf({ type, correlationId, data, fare: cents }: TripEvent): string {
  const { known, fare } = FIELDS[type]
  json.openList()
  json.item(correlationId)
  for (const [name, inside] of known) {
    if (name === fare && cents !== null) json.item(centsToJson(cents))
    else addPositions(inside, Reflect.get(data, name))
  }
  return json.takeList()
}

/** @throws Error when they are no part */
export function eventOfPart(name: string, text: string): TripEvent {
  const mark = markOfName(name)
  const [correlationId = null, ...values] = JSON.parse(text) as unknown[]
  const fields = FIELDS[mark.type]
  const fare = fareIn(fields, values)
  const data = objectOf(fields, values, fare)
  const completedAt =
    mark.type === 'trip.completed' && 'completedAt' in data ? instantMs(String(data.completedAt)) : null
  return { ...mark, correlationId, data, fare, completedAt } as TripEvent
}

/**
 * An event in a row of earlier versions, by position: a history was one JSON text. Fares are cents (a string beyond 2^53). Such rows are
 * read and no longer written.
 */
export type FormerEvent = [
  type: TripEventType,
  at: number,
  sub: string,
  eventId: string,
  correlationId: string | null,
  data: unknown,
  fare: number | string | null,
  completedAt: number | null,
]

export function eventOfFormer([
  type,
  at,
  sub,
  eventId,
  correlationId,
  data,
  fare,
  completedAt,
]: FormerEvent): TripEvent {
  const cents = fare === null ? null : centsFromJson(fare)
  return { type, at, sub, eventId, correlationId, data, fare: cents, completedAt } as TripEvent
}

/** The event as its row keeps it. */
export function keptEvent(event: TripEvent): TripEvent {
  return { ...event, data: pick(KNOWN[event.type], event.data) } as TripEvent
}

/** Characters of its texts. @param event as its row keeps it */
export function textLengthOf(event: TripEvent): number {
  return textIn(event)
}

/** Known fields in the order of the schema, each with those of the object in it. */
type Known = readonly (readonly [name: string, inside: Known | null])[]

interface ObjectSchema {
  readonly type?: unknown
  readonly properties?: Readonly<Record<string, ObjectSchema>>
}

const KNOWN = Object.fromEntries(
  TRIP_EVENT_TYPES.map((type) => [type, knownIn(EVENT_SCHEMAS[type].properties.data)]),
) as Readonly<Record<TripEventType, Known | null>>

interface Fields {
  readonly known: Known
  readonly fare: FareField | null
}

const FIELDS = Object.fromEntries(
  TRIP_EVENT_TYPES.map((type) => [type, { known: KNOWN[type] ?? [], fare: fareFieldOf(type) }]),
) as Readonly<Record<TripEventType, Fields>>

function addPositions(inside: Known | null, value: unknown): void {
  if (inside === null || typeof value !== 'object' || value === null) {
    json.item(value)
    return
  }
  json.openList()
  for (const [name, deeper] of inside) addPositions(deeper, Reflect.get(value, name))
  json.closeList()
}

function fareIn({ known, fare }: Fields, values: readonly unknown[]): Cents | null {
  if (fare === null) return null
  return centsFromJson(values[known.findIndex(([name]) => name === fare)] as number | string)
}

function objectOf({ known, fare: fareField }: Fields, values: readonly unknown[], fare: Cents | null) {
  const data: Record<string, unknown> = {}
  known.forEach(([name, inside], at) => {
    const value = values[at]
    if (value === undefined || value === null) return
    data[name] = name === fareField && fare !== null ? unitsOf(fare) : fieldOf(inside, value)
  })
  return data
}

function fieldOf(inside: Known | null, value: unknown): unknown {
  if (inside === null) return value
  const object: Record<string, unknown> = {}
  inside.forEach(([name, deeper], at) => {
    const part = (value as readonly unknown[])[at]
    if (part !== undefined && part !== null) object[name] = fieldOf(deeper, part)
  })
  return object
}

/** The double nearest to the amount, as JSON.parse reads it. */
function unitsOf(fare: Cents): number {
  const json = moneyToJson(fare)
  return typeof json === 'number' ? json : Number(json.rawJSON)
}

function knownIn({ properties }: ObjectSchema): Known | null {
  return properties === undefined ? null : Object.entries(properties).map(([name, inner]) => [name, knownIn(inner)])
}

function pick(known: Known | null, value: unknown): unknown {
  if (known === null || typeof value !== 'object' || value === null) return value
  const picked: Record<string, unknown> = {}
  for (const [name, inside] of known) {
    if (Object.hasOwn(value, name)) picked[name] = pick(inside, (value as Record<string, unknown>)[name])
  }
  return picked
}

function textIn(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce((sum: number, part: unknown) => sum + textIn(part), 0)
}
