import type { Static } from 'typebox'
import { nullable, pageQuery } from '../../infra/http/schemas/index.ts'
import { DRIVER_STATUSES, TRIP_EVENT_TYPES } from '../../processors/events/schemas.ts'
import { tripSchema as shownTrip } from '../../processors/trip-state/trip-view.ts'
import { Type } from '../../topology/json-schema/index.ts'

/* Shapes of requests and answers (docs/queries.md): validation of the former, /openapi.json of both. */

const text = nullable(Type.String())

const tripStatus = { ...shownTrip.properties.status, title: 'TripStatus' }

export const tripSchema = {
  ...shownTrip,
  properties: { ...shownTrip.properties, status: tripStatus },
  title: 'Trip',
  examples: [
    {
      tripId: 'trip-1',
      status: 'completed',
      passengerId: 'passenger-7',
      driverId: 'driver-3',
      pickup: { lat: 40.7484, lng: -73.9857, address: '350 5th Ave' },
      dropoff: { lat: 40.7681, lng: -73.9819, address: null },
      vehicleType: 'standard',
      estimatedFare: 12.5,
      finalFare: 13.75,
      requestedAt: '2019-03-01T10:00:00.000Z',
      acceptedAt: '2019-03-01T10:00:40.000Z',
      startedAt: '2019-03-01T10:05:00.000Z',
      completedAt: '2019-03-01T10:21:00.000Z',
      cancelledAt: null,
      updatedAt: '2019-03-01T10:21:00.000Z',
      lastEventId: '6e4f0a52-8c1f-4b1e-9d5e-1a3f3c1b7d11',
    },
  ],
}

export const tripHistorySchema = Type.Object(
  {
    rows: Type.Array(
      Type.Object(
        {
          eventId: Type.String(),
          eventType: Type.Enum([...TRIP_EVENT_TYPES]),
          timestamp: Type.String({ format: 'date-time' }),
          correlationId: text,
          data: Type.Object(
            {},
            { additionalProperties: true, description: 'As sent, without fields that are not in its schema' },
          ),
          trip: tripSchema,
        },
        { additionalProperties: false, title: 'TripEvent' },
      ),
    ),
    nextCursor: Type.Null(),
    before: nullable(tripSchema),
  },
  { additionalProperties: false, title: 'TripHistory' },
)

const DRIVER = {
  driverId: 'driver-3',
  cell: '892a100d2d7ffff',
  lat: 40.7484,
  lng: -73.9857,
  status: 'available',
  at: '2019-03-01T10:00:00.000Z',
}

export const driverSchema = Type.Object(
  {
    driverId: Type.String(),
    cell: Type.String({ description: 'H3 index at H3_RESOLUTION' }),
    lat: Type.Number(),
    lng: Type.Number(),
    status: nullable(Type.Enum([...DRIVER_STATUSES])),
    at: Type.String({ format: 'date-time' }),
  },
  { additionalProperties: false, title: 'Driver', examples: [DRIVER] },
)

export const nearbySchema = Type.Object(
  {
    ...driverSchema.properties,
    distance: Type.Number({ description: 'Metres from the point asked for, on a sphere of 6,371,008.8 m' }),
  },
  { additionalProperties: false, title: 'NearbyDriver', examples: [{ ...DRIVER, distance: 412.7 }] },
)

export const driverOfferSchema = Type.Object(
  {
    tripId: Type.String(),
    requestedAt: Type.String({ format: 'date-time' }),
    pickup: Type.Object({ lat: Type.Number(), lng: Type.Number(), address: text }, { additionalProperties: false }),
    distanceMeters: Type.Number({ description: 'From the driver to the pickup, when the offer was made' }),
    traceparent: nullable(Type.String({ description: 'W3C trace context of the request' })),
  },
  {
    additionalProperties: false,
    title: 'DriverOffer',
    examples: [
      {
        tripId: 'trip-1',
        requestedAt: '2019-03-01T10:00:00.000Z',
        pickup: { lat: 40.7484, lng: -73.9857, address: '350 5th Ave' },
        distanceMeters: 412.7,
        traceparent: null,
      },
    ],
  },
)

export const revenueSchema = Type.Object(
  {
    hour: Type.String({ description: 'Start of the UTC hour' }),
    revenue: Type.Number({ description: 'Exact to the cent' }),
    trips: Type.Integer(),
  },
  {
    additionalProperties: false,
    title: 'HourlyRevenue',
    examples: [{ hour: '2019-03-01T10:00:00Z', revenue: 1204.5, trips: 97 }],
  },
)

export const dailyRevenueSchema = Type.Object(
  {
    day: Type.String({ format: 'date', description: 'UTC day' }),
    revenue: Type.Number({ description: 'Exact to the cent' }),
    trips: Type.Integer(),
  },
  {
    additionalProperties: false,
    title: 'DailyRevenue',
    examples: [{ day: '2019-03-01', revenue: 28804.5, trips: 2310 }],
  },
)

export const zoneRevenueSchema = Type.Object(
  {
    zone: nullable(
      Type.String({
        description: 'Zone and borough; null: no pickup is known, or it is more than 10 km from every zone',
      }),
    ),
    revenue: Type.Number({ description: 'Exact to the cent' }),
    trips: Type.Integer(),
  },
  {
    additionalProperties: false,
    title: 'ZoneRevenue',
    examples: [{ zone: 'Midtown Center, Manhattan', revenue: 904.5, trips: 71 }],
  },
)

export const earningsSchema = Type.Object(
  {
    driverId: Type.String(),
    day: Type.String({ format: 'date', description: 'UTC day' }),
    earnings: Type.Number({ description: 'Exact to the cent' }),
    trips: Type.Integer(),
  },
  {
    additionalProperties: false,
    title: 'DriverEarnings',
    examples: [{ driverId: 'driver-3', day: '2019-03-01', earnings: 184.25, trips: 14 }],
  },
)

const seconds = (description: string) => nullable(Type.Number({ description }))

export const funnelSchema = Type.Object(
  {
    hour: Type.String({ description: 'Start of the UTC hour of the requests' }),
    requested: Type.Integer(),
    accepted: Type.Integer(),
    started: Type.Integer(),
    completed: Type.Integer(),
    cancelled: Type.Integer(),
    medianSecondsToAccept: seconds('From request to acceptance; null while no trip is accepted'),
    p95SecondsToAccept: seconds('The wait that 95 % of the accepted trips are not above'),
  },
  {
    additionalProperties: false,
    title: 'TripFunnel',
    examples: [
      {
        hour: '2019-03-01T10:00:00Z',
        requested: 120,
        accepted: 110,
        started: 104,
        completed: 97,
        cancelled: 12,
        medianSecondsToAccept: 41.5,
        p95SecondsToAccept: 180,
      },
    ],
  },
)

export const demandSchema = Type.Object(
  {
    cell: Type.String({ description: 'H3 index of resolution 7' }),
    windowStart: Type.String({ description: 'Inclusive' }),
    windowEnd: Type.String({ description: 'Exclusive' }),
    requests: Type.Integer(),
    completions: Type.Integer(),
  },
  {
    additionalProperties: false,
    title: 'CellDemand',
    examples: [
      {
        cell: '872a100d2ffffff',
        windowStart: '2019-03-01T10:00:00Z',
        windowEnd: '2019-03-01T10:05:00Z',
        requests: 9,
        completions: 4,
      },
    ],
  },
)

export const auditEventSchema = Type.Object(
  {
    when: Type.String({ description: 'Time of the event, UTC, with all its digits' }),
    who: nullable(Type.String({ description: 'passenger, driver, or whom a cancellation names' })),
    what: Type.Enum([...TRIP_EVENT_TYPES]),
    tripId: Type.String(),
    driverId: text,
    passengerId: text,
    eventId: Type.String(),
    data: Type.Object({}, { additionalProperties: true, description: 'As it was sent' }),
  },
  { additionalProperties: false, title: 'AuditEvent' },
)

const about = (description: string, example: string) =>
  Type.Optional(Type.String({ minLength: 1, description, examples: [example] }))
const instant = (description: string) =>
  Type.Optional(
    Type.String({
      maxLength: 100,
      description: `${description} ISO 8601 with Z or an offset`,
      examples: ['2019-03-01T10:00:00Z'],
    }),
  )
const reverse = Type.Boolean({ default: false, description: 'Begin at the end of the order' })

export const tripsQuery = Type.Object({
  ...pageQuery,
  status: Type.Optional(tripSchema.properties.status),
  driverId: about('Trips of the driver', 'driver-3'),
  passengerId: about('Trips of the passenger', 'passenger-7'),
  from: instant('Trips that were requested then or later.'),
  to: instant('Trips that were requested then or earlier.'),
  reverse,
})
export type TripsQuery = Static<typeof tripsQuery>

export const tripQuery = Type.Object({
  asOf: Type.Optional(
    Type.String({ maxLength: 100, description: 'ISO 8601 with Z or an offset', examples: ['2019-03-01T10:04:00Z'] }),
  ),
})
export type TripQuery = Static<typeof tripQuery>

export const auditQuery = Type.Object({
  ...pageQuery,
  tripId: about('Events of the trip', 'trip-1'),
  driverId: about('Events of all trips of the driver', 'driver-3'),
  passengerId: about('Events of all trips of the passenger', 'passenger-7'),
  from: instant('Events of then or later.'),
  to: instant('Events before then.'),
})
export type AuditQuery = Static<typeof auditQuery>

export const MAX_RADIUS_M = 20_000

export const nearbyQuery = Type.Object({
  lat: Type.Number({ minimum: -90, maximum: 90, examples: [40.7484] }),
  lng: Type.Number({ minimum: -180, maximum: 180, examples: [-73.9857] }),
  radius: Type.Number({ minimum: 0, maximum: MAX_RADIUS_M, default: 5000, description: 'Metres' }),
  limit: pageQuery.limit,
})
export type NearbyQuery = Static<typeof nearbyQuery>

export const cellQuery = Type.Object(pageQuery)
export type CellQuery = Static<typeof cellQuery>

const bound = (side: string) =>
  Type.Optional(
    Type.String({
      description: `${side} hour, inclusive: ISO 8601 with Z or an offset`,
      examples: ['2019-03-01T10:00:00Z'],
    }),
  )
/** Pages of rows by the hour. */
export const hoursQuery = Type.Object({ ...pageQuery, from: bound('First'), to: bound('Last') })
export type HoursQuery = Static<typeof hoursQuery>

const day = (side: string) =>
  Type.Optional(Type.String({ format: 'date', description: `${side} UTC day, inclusive`, examples: ['2019-03-01'] }))
export const earningsQuery = Type.Object({ ...pageQuery, from: day('First'), to: day('Last') })
export type EarningsQuery = Static<typeof earningsQuery>

export const demandQuery = Type.Object({
  ...pageQuery,
  cell: about('Windows of that cell, an H3 index of resolution 7', '872a100d2ffffff'),
  from: instant('Windows that begin then or later.'),
  to: instant('Windows that begin then or earlier.'),
})
export type DemandQuery = Static<typeof demandQuery>

export const revenueSumsQuery = Type.Object({ from: bound('First'), to: bound('Last') })
export type RevenueSumsQuery = Static<typeof revenueSumsQuery>
