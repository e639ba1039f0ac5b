import type { KStream, KTable, StoreIndexSpec } from '../../topology/index.ts'
import { outputHeaders } from '../events/correlation-headers.ts'
import { keySerde } from '../events/event-serde.ts'
import { isLater, type Mark, type TripEvent } from '../events/ride-event.ts'
import { TRIP_STATE_STORE, TRIP_STATE_TOPIC } from '../topics.ts'
import {
  type KeptCompletion,
  type KeptDriver,
  type KeptRequest,
  latestEvent,
  NO_TRIP,
  type Place,
  statusOf,
  type Trip,
  type TripStatus,
} from './trip.ts'
import { fareIndex } from './trip-fares.ts'
import { tripLists } from './trip-lists.ts'
import { tripSerde } from './trip-serde.ts'
import { tripStateSerde } from './trip-state-serde.ts'

import { type TripState, tripStateOf } from './trip-view.ts'

export { latestEvent, NO_TRIP, type Place, statusOf, type Trip, type TripState, type TripStatus, tripStateOf }

/*
 * A trip is a fold of its events: of each type the one with the greatest (timestamp, eventId) is kept, and the state
 * follows from the kept ones. A maximum per type is commutative, associative and idempotent, so neither the order of
 * arrival nor redelivery shows. The greatest event of all is the greatest of its type, hence always among the kept.
 */

/** The trip with one more event; the same object when the event changes nothing. */
export function applyTripEvent(trip: Trip, event: TripEvent): Trip {
  const { requested, accepted, started, cancelled, completed } = trip
  switch (event.type) {
    case 'trip.requested':
      if (!replaces(event, requested)) return trip
      return { requested: keepRequest(event), accepted, started, cancelled, completed }
    case 'trip.accepted':
      if (!replaces(event, accepted)) return trip
      return { requested, accepted: keepDriver(event), started, cancelled, completed }
    case 'trip.started':
      if (!replaces(event, started)) return trip
      return { requested, accepted, started: keepDriver(event), cancelled, completed }
    case 'trip.cancelled':
      if (!replaces(event, cancelled)) return trip
      return { requested, accepted, started, cancelled: keepMark(event), completed }
    case 'trip.completed':
      if (!replaces(event, completed)) return trip
      return { requested, accepted, started, cancelled, completed: keepCompletion(event) }
  }
}

function replaces(event: Mark, kept: Mark | null): boolean {
  return kept === null || isLater(event, kept)
}

/** All valid events of one trip, in any order; null when there is none. */
export function foldTrip(events: Iterable<TripEvent>): Trip | null {
  let trip = NO_TRIP
  for (const event of events) trip = applyTripEvent(trip, event)
  return trip === NO_TRIP ? null : trip
}

function keepRequest(event: Extract<TripEvent, { type: 'trip.requested' }>): KeptRequest {
  const { passengerId, pickup, dropoff, vehicleType } = event.data
  return {
    at: event.at,
    sub: event.sub,
    eventId: event.eventId,
    passengerId,
    pickup: place(pickup),
    dropoff: place(dropoff),
    vehicleType,
    estimatedFare: event.fare ?? 0,
  }
}

function keepDriver(event: Extract<TripEvent, { type: 'trip.accepted' | 'trip.started' }>): KeptDriver {
  return { at: event.at, sub: event.sub, eventId: event.eventId, driverId: event.data.driverId ?? null }
}

function keepMark(event: Mark): Mark {
  return { at: event.at, sub: event.sub, eventId: event.eventId }
}

function keepCompletion(event: Extract<TripEvent, { type: 'trip.completed' }>): KeptCompletion {
  return {
    at: event.at,
    sub: event.sub,
    eventId: event.eventId,
    driverId: event.data.driverId ?? null,
    finalFare: event.fare ?? 0,
    completedAt: event.completedAt ?? event.at,
  }
}

function place(raw: { readonly lat: number; readonly lng: number; readonly address?: string }): Place {
  return { lat: raw.lat, lng: raw.lng, address: raw.address ?? null }
}

/** trip.* -> table trip-state -> topic trip.state. */
export function buildTripState(events: KStream<string, TripEvent>): KTable<string, Trip> {
  const trips = events.groupByKey().aggregate<Trip>({
    name: 'trip-state-fold',
    initializer: () => NO_TRIP,
    aggregator: (_tripId, event, trip) => applyTripEvent(trip, event),
    materialized: {
      name: TRIP_STATE_STORE,
      keySerde,
      valueSerde: tripSerde,
      immutableValues: true,
      index: [...tripLists, fareIndex] as readonly StoreIndexSpec[],
    },
  })
  trips
    .toStream({ name: 'trip-state-changes' })
    .mapValues((trip, tripId) => (trip === null ? null : { tripId, trip }), { name: 'trip-state-view' })
    .to(TRIP_STATE_TOPIC, {
      name: 'trip-state-sink',
      keySerde,
      valueSerde: tripStateSerde(),
      headers: outputHeaders(TRIP_STATE_TOPIC),
    })
  return trips
}
