import type { Serde } from '../../topology/index.ts'
import type { TripEvent } from '../events/ride-event.ts'
import type { TripEventType } from '../events/schemas.ts'
import { centsFromJson, centsToJson } from '../money.ts'
import { type TripRow, tripOfRow, tripToRow } from '../trip-state/trip-serde.ts'
import type { KeptHistory } from './trip-history.ts'

/**
 * Store and changelog: `[before, [event, ...]]`, JSON arrays by position. An event is
 * `[type, at, sub, eventId, correlationId, data, fare, completedAt]`; fares are cents (a string beyond 2^53). Fields are only ever added
 * at the end.
 */
type Row = [before: TripRow, events: EventRow[]]
type EventRow = [
  type: TripEventType,
  at: number,
  sub: string,
  eventId: string,
  correlationId: string | null,
  data: unknown,
  fare: number | string | null,
  completedAt: number | null,
]

export const tripHistorySerde: Serde<KeptHistory> = {
  serialize: (_topic, { before, events }) => JSON.stringify([tripToRow(before), events.map(eventRow)] satisfies Row),
  deserialize(_topic, bytes) {
    const [before, events] = JSON.parse(bytes.toString('utf8')) as Row
    return { before: tripOfRow(before), events: events.map(eventOf) }
  },
}

function eventRow({ type, at, sub, eventId, correlationId, data, fare, completedAt }: TripEvent): EventRow {
  return [type, at, sub, eventId, correlationId, data, fare === null ? null : centsToJson(fare), completedAt]
}

function eventOf([type, at, sub, eventId, correlationId, data, fare, completedAt]: EventRow): TripEvent {
  const cents = fare === null ? null : centsFromJson(fare)
  return { type, at, sub, eventId, correlationId, data, fare: cents, completedAt } as TripEvent
}
