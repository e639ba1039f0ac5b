import type { Mark, TripEvent } from '../events/ride-event.ts'
import { EVENT_SCHEMAS, TRIP_EVENT_TYPES, type TripEventType } from '../events/schemas.ts'
import { type Cents, centsFromJson, centsToJson } from '../money.ts'

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

/**
 * An event of a history. Every later event of the trip writes all of them again, so each keeps its text. Immutable, but for what it
 * has computed of itself.
 */
class KeptEvent implements Mark {
  readonly type: TripEventType
  readonly at: number
  readonly sub: string
  readonly eventId: string
  readonly correlationId: string | null
  readonly data: unknown
  readonly fare: Cents | null
  readonly completedAt: number | null
  #rowText: string | null = null
  #textLength = -1

  constructor({ type, at, sub, eventId, correlationId, fare, completedAt }: Omit<TripEvent, 'data'>, data: unknown) {
    this.type = type
    this.at = at
    this.sub = sub
    this.eventId = eventId
    this.correlationId = correlationId
    this.data = data
    this.fare = fare
    this.completedAt = completedAt
  }

  static textLengthOf(event: KeptEvent): number {
    if (event.#textLength < 0) event.#textLength = textIn(event)
    return event.#textLength
  }

  static rowTextOf(event: KeptEvent): string {
    if (event.#rowText === null) {
      const { type, at, sub, eventId, correlationId, data, fare, completedAt } = event
      const cents = fare === null ? null : centsToJson(fare)
      const row: EventRow = [type, at, sub, eventId, correlationId, data, cents, completedAt]
      event.#rowText = JSON.stringify(row)
    }
    return event.#rowText
  }
}

/** For a history. Producers may send more than the schema names: it is neither kept nor shown. */
export function keptEvent(event: TripEvent): TripEvent {
  return new KeptEvent(event, pick(KNOWN[event.type], event.data)) as TripEvent
}

export function eventOfRow([type, at, sub, eventId, correlationId, data, fare, completedAt]: EventRow): TripEvent {
  const cents = fare === null ? null : centsFromJson(fare)
  return new KeptEvent(
    { type, at, sub, eventId, correlationId, fare: cents, completedAt } as TripEvent,
    data,
  ) as TripEvent
}

/** JSON of its EventRow. @param event of a history */
export function rowTextOf(event: TripEvent): string {
  return KeptEvent.rowTextOf(event as unknown as KeptEvent)
}

/** Characters of its texts. @param event of a history */
export function textLengthOf(event: TripEvent): number {
  return KeptEvent.textLengthOf(event as unknown as KeptEvent)
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
