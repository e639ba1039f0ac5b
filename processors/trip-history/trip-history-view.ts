import type { TripEvent } from '../events/ride-event.ts'
import type { TripEventType } from '../events/schemas.ts'
import { type JsonMoney, moneyToJson } from '../money.ts'
import { formatInstant } from '../time/format-instant.ts'
import { applyTripEvent, type TripState, tripStateOf } from '../trip-state/trip-state.ts'
import { type KeptHistory, knownSince } from './trip-history.ts'

/** One event of GET /trips/:tripId/history. */
export interface TripHistoryRow {
  readonly eventId: string
  readonly eventType: TripEventType
  /** To the digit the event has, UTC. */
  readonly timestamp: string
  readonly correlationId: string | null
  /** The data as sent, without fields that the schema of the event does not name. */
  readonly data: Readonly<Record<string, unknown>>
  /** After this event and all that are not later. */
  readonly trip: TripState
}

export interface TripHistoryView {
  /** In the order of their times. */
  readonly rows: readonly TripHistoryRow[]
  readonly nextCursor: null
  /** The trip as it was before the first row, when its events up to then are not known any more; else null. */
  readonly before: TripState | null
}

export function tripHistoryView(tripId: string, history: KeptHistory): TripHistoryView {
  let trip = history.before
  const rows = history.events.map((event): TripHistoryRow => {
    trip = applyTripEvent(trip, event)
    const { eventId, type: eventType, correlationId } = event
    const timestamp = formatExactly(event)
    return { eventId, eventType, timestamp, correlationId, data: dataOf(event), trip: tripStateOf(tripId, trip) }
  })
  return { rows, nextCursor: null, before: knownSince(history) === null ? null : tripStateOf(tripId, history.before) }
}

function formatExactly({ at, sub }: TripEvent): string {
  return sub === '' ? formatInstant(at) : formatInstant(at).replace('Z', `${sub}Z`)
}

/** Fares to the cent, however large. */
function dataOf({ type, data, fare }: TripEvent): Readonly<Record<string, unknown>> {
  if (fare === null) return data
  const exact: JsonMoney = moneyToJson(fare)
  return type === 'trip.requested' ? { ...data, estimatedFare: exact } : { ...data, finalFare: exact }
}
