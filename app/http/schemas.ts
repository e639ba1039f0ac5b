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
export const revenueQuery = Type.Object({ ...pageQuery, from: bound('First'), to: bound('Last') })
export type RevenueQuery = Static<typeof revenueQuery>

export const revenueSumsQuery = Type.Object({ from: bound('First'), to: bound('Last') })
export type RevenueSumsQuery = Static<typeof revenueSumsQuery>
