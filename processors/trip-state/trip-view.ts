import { Type } from '../../topology/json-schema/index.ts'
import { type FieldSink, fieldsOf, type Shown, ShownObject } from '../shape.ts'
import { driverOf, latestEvent, type Place, statusOf, TRIP_STATUSES, type Trip } from './trip.ts'

/* A trip as the world sees it, in trip.state and in answers. Its fields stand here in the order of docs/events.md, and nowhere else. */

const text = Type.Union([Type.String(), Type.Null()])
const instant = Type.Union([Type.String({ format: 'date-time' }), Type.Null()])
const money = Type.Union([Type.Number(), Type.Null()])
const placeSchema = Type.Object({ lat: Type.Number(), lng: Type.Number(), address: text })
const place = Type.Union([placeSchema, Type.Null()])

/** Unknown fields are null; times are UTC with milliseconds. */
export const tripSchema = Type.Object(
  {
    tripId: Type.String(),
    status: Type.Enum([...TRIP_STATUSES]),
    passengerId: text,
    driverId: text,
    pickup: place,
    dropoff: place,
    vehicleType: text,
    estimatedFare: money,
    finalFare: money,
    requestedAt: instant,
    acceptedAt: instant,
    startedAt: instant,
    completedAt: instant,
    cancelledAt: instant,
    updatedAt: Type.String({ format: 'date-time' }),
    lastEventId: Type.String(),
  },
  { additionalProperties: false },
)

/** Value of topic trip.state. */
export type TripState = Shown<typeof tripSchema>

const TRIP = fieldsOf(tripSchema)
const PLACE = fieldsOf(placeSchema)

export function showTrip(to: FieldSink, tripId: string, trip: Trip): void {
  const { requested, accepted, started, cancelled, completed } = trip
  const last = latestEvent(trip)
  to.string(TRIP.tripId, tripId)
  to.string(TRIP.status, statusOf(trip))
  to.string(TRIP.passengerId, requested === null ? null : requested.passengerId)
  to.string(TRIP.driverId, driverOf(trip))
  to.object(TRIP.pickup, requested === null ? null : requested.pickup, showPlace)
  to.object(TRIP.dropoff, requested === null ? null : requested.dropoff, showPlace)
  to.string(TRIP.vehicleType, requested === null ? null : requested.vehicleType)
  to.money(TRIP.estimatedFare, requested === null ? null : requested.estimatedFare)
  to.money(TRIP.finalFare, completed === null ? null : completed.finalFare)
  to.instant(TRIP.requestedAt, requested === null ? null : requested.at)
  to.instant(TRIP.acceptedAt, accepted === null ? null : accepted.at)
  to.instant(TRIP.startedAt, started === null ? null : started.at)
  to.instant(TRIP.completedAt, completed === null ? null : completed.completedAt)
  to.instant(TRIP.cancelledAt, cancelled === null ? null : cancelled.at)
  to.instant(TRIP.updatedAt, last.at)
  to.string(TRIP.lastEventId, last.eventId)
}

function showPlace(to: FieldSink, { lat, lng, address }: Place): void {
  to.number(PLACE.lat, lat)
  to.number(PLACE.lng, lng)
  to.string(PLACE.address, address)
}

/** For readers. The topology writes the text of it without making the object (trip-state-serde.ts). */
export function tripStateOf(tripId: string, trip: Trip): TripState {
  const to = new ShownObject()
  showTrip(to, tripId, trip)
  return to.take() as TripState
}
