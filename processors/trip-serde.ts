import type { Serde } from '../state/ports/serde.ts'
import type { Mark } from './events/ride-event.ts'
import { centsFromJson } from './money.ts'
import { KeptCompletion, KeptDriver, KeptMark, KeptRequest, type Place, type Trip } from './trip.ts'

/*
 * Trips in the store and its changelog: JSON arrays by position, because every event of a trip writes one.
 * `[requested, accepted, started, cancelled, completed]`, each null or
 *   requested  [at, sub, eventId, passengerId, vehicleType, estimatedFare, lat, lng, address, lat, lng, address]
 *   accepted, started  [at, sub, eventId, driverId]
 *   cancelled  [at, sub, eventId]
 *   completed  [at, sub, eventId, driverId, finalFare, completedAt]
 * Fares are cents (a string beyond 2^53). Fields are only ever added at the end.
 */

type Row = [RequestRow | null, DriverRow | null, DriverRow | null, MarkRow | null, CompletionRow | null]
type MarkRow = [at: number, sub: string, eventId: string]
type DriverRow = [...MarkRow, driverId: string | null]
type CompletionRow = [...DriverRow, finalFare: number | string, completedAt: number]
type PlaceRow = [lat: number, lng: number, address: string | null]
type RequestRow = [
  ...MarkRow,
  passengerId: string,
  vehicleType: string,
  estimatedFare: number | string,
  ...PlaceRow,
  ...PlaceRow,
]

export const tripSerde: Serde<Trip> = {
  serialize: (_topic, { requested, accepted, started, cancelled, completed }) =>
    `[${textOf(requested)},${textOf(accepted)},${textOf(started)},${textOf(cancelled)},${textOf(completed)}]`,
  deserialize: (_topic, bytes) => tripOf(JSON.parse(bytes.toString('utf8')) as Row),
}

function textOf(kept: KeptMark | null): string {
  return kept === null ? 'null' : kept.row
}

function tripOf([requested, accepted, started, cancelled, completed]: Row): Trip {
  return {
    requested: requested === null ? null : requestOf(requested),
    accepted: accepted === null ? null : driverOf(accepted),
    started: started === null ? null : driverOf(started),
    cancelled: cancelled === null ? null : new KeptMark(markOf(cancelled)),
    completed: completed === null ? null : completionOf(completed),
  }
}

function markOf([at, sub, eventId]: readonly [number, string, string, ...unknown[]]): Mark {
  return { at, sub, eventId }
}

function driverOf(row: DriverRow): KeptDriver {
  return new KeptDriver(markOf(row), row[3])
}

function completionOf(row: CompletionRow): KeptCompletion {
  const [, , , driverId, finalFare, completedAt] = row
  return new KeptCompletion(markOf(row), driverId, centsFromJson(finalFare), completedAt)
}

function requestOf(row: RequestRow): KeptRequest {
  const [, , , passengerId, vehicleType, fare, lat, lng, address, toLat, toLng, toAddress] = row
  const pickup: Place = { lat, lng, address }
  const dropoff: Place = { lat: toLat, lng: toLng, address: toAddress }
  return new KeptRequest(markOf(row), {
    passengerId,
    pickup,
    dropoff,
    vehicleType,
    estimatedFare: centsFromJson(fare),
  })
}
