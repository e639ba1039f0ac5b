import type { Serde } from '../../topology/index.ts'
import type { Mark } from '../events/ride-event.ts'
import { type Cents, centsFromJson, centsToJson } from '../money.ts'
import type { KeptCompletion, KeptDriver, KeptRequest, Place, Trip } from './trip.ts'

/*
 * Trips in the store and its changelog: JSON arrays by position, because every event of a trip writes one. Fares are cents (a
 * string beyond 2^53). Fields are only ever added at the end.
 */

export type TripRow = [
  requested: RequestRow | null,
  accepted: DriverRow | null,
  started: DriverRow | null,
  cancelled: MarkRow | null,
  completed: CompletionRow | null,
]
type MarkRow = [at: number, sub: string, eventId: string]
type DriverRow = [...MarkRow, driverId: string | null]
type CompletionRow = [...MarkRow, driverId: string | null, finalFare: number | string, completedAt: number]
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
  serialize: (_topic, trip) => JSON.stringify(tripToRow(trip)),
  deserialize: (_topic, bytes) => tripOfRow(JSON.parse(bytes.toString('utf8')) as TripRow),
}

export function tripToRow({ requested: r, accepted, started, cancelled: x, completed: c }: Trip): TripRow {
  return [
    r === null ? null : requestRow(r),
    accepted === null ? null : driverRow(accepted),
    started === null ? null : driverRow(started),
    x === null ? null : [x.at, x.sub, x.eventId],
    c === null ? null : [c.at, c.sub, c.eventId, c.driverId, centsToJson(c.finalFare), c.completedAt],
  ]
}

function requestRow(r: KeptRequest): RequestRow {
  const { pickup: p, dropoff: d } = r
  return [
    r.at,
    r.sub,
    r.eventId,
    r.passengerId,
    r.vehicleType,
    centsToJson(r.estimatedFare),
    p.lat,
    p.lng,
    p.address,
    d.lat,
    d.lng,
    d.address,
  ]
}

function driverRow(d: KeptDriver): DriverRow {
  return [d.at, d.sub, d.eventId, d.driverId]
}

export function tripOfRow([requested, accepted, started, cancelled, completed]: TripRow): Trip {
  return {
    requested: requested === null ? null : requestOf(requested),
    accepted: accepted === null ? null : keptDriverOf(accepted),
    started: started === null ? null : keptDriverOf(started),
    cancelled: cancelled === null ? null : markOf(cancelled),
    completed: completed === null ? null : completionOf(completed),
  }
}

function markOf([at, sub, eventId]: MarkRow): Mark {
  return { at, sub, eventId }
}

function keptDriverOf([at, sub, eventId, driverId]: DriverRow): KeptDriver {
  return { at, sub, eventId, driverId }
}

function completionOf([at, sub, eventId, driverId, finalFare, completedAt]: CompletionRow): KeptCompletion {
  return { at, sub, eventId, driverId, finalFare: centsFromJson(finalFare), completedAt }
}

function requestOf(row: RequestRow): KeptRequest {
  const [at, sub, eventId, passengerId, vehicleType, fare, lat, lng, address, toLat, toLng, toAddress] = row
  const estimatedFare: Cents = centsFromJson(fare)
  const pickup: Place = { lat, lng, address }
  const dropoff: Place = { lat: toLat, lng: toLng, address: toAddress }
  return { at, sub, eventId, passengerId, pickup, dropoff, vehicleType, estimatedFare }
}
