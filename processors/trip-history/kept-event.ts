import type { TripEvent } from '../events/ride-event.ts'
import { EVENT_SCHEMAS, TRIP_EVENT_TYPES, type TripEventType } from '../events/schemas.ts'
import { centsFromJson, centsToJson } from '../money.ts'

/** An event in a row, by position. Fares are cents (a string beyond 2^53). Fields are only ever added at the end. */
export type EventRow = [
  type: TripEventType,
  at: number,
  sub: string,
  eventId: string,
  correlationId: string | null,
  data: unknown,
  fare: number | string | null,
  completedAt: number | null,
]

/** JSON of its EventRow. Producers may send more than the schema names: it is neither kept nor shown. */
export function rowTextOf({ type, at, sub, eventId, correlationId, data, fare, completedAt }: TripEvent): string {
  const cents = fare === null ? null : centsToJson(fare)
  const known = pick(KNOWN[type], data)
  return JSON.stringify([type, at, sub, eventId, correlationId, known, cents, completedAt] satisfies EventRow)
}

export function eventOfRow([type, at, sub, eventId, correlationId, data, fare, completedAt]: EventRow): TripEvent {
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

/** Names of known fields, each with those of the object in it. */
type Known = readonly (readonly [name: string, inside: Known | null])[]

interface ObjectSchema {
  readonly type?: unknown
  readonly properties?: Readonly<Record<string, ObjectSchema>>
}

const KNOWN = Object.fromEntries(
  TRIP_EVENT_TYPES.map((type) => [type, knownIn(EVENT_SCHEMAS[type].properties.data)]),
) as Readonly<Record<TripEventType, Known | null>>

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
