import type { Static } from 'typebox'
import { Type } from '../../topology/json-schema/index.ts'

/*
 * The six events: the one source of truth. Types, validation (parse-event.ts) and docs/events.md (docs.ts) derive from
 * here. What JSON Schema cannot say is said in a description and checked by parse-event.ts: instants, two decimals of a
 * fare, version, ids, record key.
 * Extra fields are accepted and ignored; an optional field is absent or of its type (null is not absent).
 */

/** Most UTF-16 code units of a record key's id: every one of them can stand in the path of a route. */
export const MOST_ID = 1024

const Id = (description: string) => Type.String({ description })
const Instant = (description: string) =>
  Type.String({ description: `${description}; ISO 8601 with Z or an offset, compared as an instant` })
const Fare = (description: string) => Type.Number({ minimum: 0, description: `${description}; at most two decimals` })

const lat = Type.Number({ minimum: -90, maximum: 90, description: 'WGS84 degrees' })
const lng = Type.Number({ minimum: -180, maximum: 180, description: 'WGS84 degrees' })
const Place = Type.Object({ lat, lng, address: Type.Optional(Type.String()) })

const KEY = `the record key; 1 to ${MOST_ID} characters`
const tripId = Id(KEY)
const driverId = Type.Optional(Id('who drives'))

export const DRIVER_STATUSES = ['available', 'on_trip', 'offline'] as const

const data = {
  'trip.requested': Type.Object({
    tripId,
    passengerId: Id('who rides'),
    pickup: Place,
    dropoff: Place,
    estimatedFare: Fare('quoted price'),
    vehicleType: Type.String(),
  }),
  'trip.accepted': Type.Object({
    tripId,
    driverId: Id('who drives'),
    etaSeconds: Type.Optional(Type.Number()),
  }),
  'trip.started': Type.Object({
    tripId,
    driverId,
  }),
  'trip.completed': Type.Object({
    tripId,
    driverId,
    finalFare: Fare('price paid'),
    distanceMeters: Type.Optional(Type.Number()),
    durationSeconds: Type.Optional(Type.Number()),
    completedAt: Type.Optional(Instant('when the trip ended, if not at the timestamp of the event')),
  }),
  'trip.cancelled': Type.Object({
    tripId,
    cancelledBy: Type.Optional(Type.String()),
    reason: Type.Optional(Type.String()),
  }),
  'driver.location.updated': Type.Object({
    driverId: Id(KEY),
    location: Type.Object({ lat, lng }),
    heading: Type.Optional(Type.Number()),
    speed: Type.Optional(Type.Number()),
    status: Type.Optional(Type.Enum(DRIVER_STATUSES)),
  }),
} as const

export type EventType = keyof typeof data

/** Payload by event type. */
export type EventData = { [T in EventType]: Static<(typeof data)[T]> }

export type DriverStatus = (typeof DRIVER_STATUSES)[number]

export const TRIP_EVENT_TYPES = [
  'trip.requested',
  'trip.accepted',
  'trip.started',
  'trip.completed',
  'trip.cancelled',
] as const satisfies readonly EventType[]

export const EVENT_TYPES = [...TRIP_EVENT_TYPES, 'driver.location.updated'] as const satisfies readonly EventType[]

export type TripEventType = (typeof TRIP_EVENT_TYPES)[number]

function envelope<T extends EventType>(type: T) {
  return Type.Object({
    eventId: Type.String({ description: 'unique; orders events of equal timestamp, by UTF-16 code unit' }),
    eventType: Type.Literal(type, { description: "the topic's name" }),
    eventVersion: Type.String({ description: '`1` or `1.N`, N in digits' }),
    timestamp: Instant('when it happened'),
    correlationId: Type.Optional(Type.String({ description: 'handed on to the outputs as header correlation-id' })),
    data: data[type],
    metadata: Type.Optional(
      Type.Object({ producedBy: Type.Optional(Type.String()), environment: Type.Optional(Type.String()) }),
    ),
  })
}

/** Whole envelope by event type (= topic). */
export const EVENT_SCHEMAS: { readonly [T in EventType]: ReturnType<typeof envelope<T>> } = {
  'trip.requested': envelope('trip.requested'),
  'trip.accepted': envelope('trip.accepted'),
  'trip.started': envelope('trip.started'),
  'trip.completed': envelope('trip.completed'),
  'trip.cancelled': envelope('trip.cancelled'),
  'driver.location.updated': envelope('driver.location.updated'),
}

/** Name of the data field with the record key. */
export const KEY_FIELD: { readonly [T in EventType]: 'tripId' | 'driverId' } = {
  'trip.requested': 'tripId',
  'trip.accepted': 'tripId',
  'trip.started': 'tripId',
  'trip.completed': 'tripId',
  'trip.cancelled': 'tripId',
  'driver.location.updated': 'driverId',
}

export type FareField = 'estimatedFare' | 'finalFare'

/** The field of data that holds an amount; null: there is none. */
export function fareFieldOf(type: EventType): FareField | null {
  return type === 'trip.requested' ? 'estimatedFare' : type === 'trip.completed' ? 'finalFare' : null
}

/** The fields of data that hold an id. */
export function idFieldsOf(type: EventType): readonly string[] {
  return Object.keys(data[type].properties).filter((field) => field.endsWith('Id'))
}

/** An event as it is written: what producers send. */
export interface EventEnvelope<T extends EventType = EventType> {
  eventId: string
  eventType: T
  eventVersion: string
  timestamp: string
  correlationId?: string
  data: EventData[T]
  metadata?: { producedBy?: string; environment?: string }
}
