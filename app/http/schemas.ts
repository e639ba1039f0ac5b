import type { Static } from 'typebox'
import { nullable, pageQuery } from '../../infra/http/schemas/index.ts'
import { DRIVER_STATUSES, TRIP_EVENT_TYPES } from '../../processors/events/schemas.ts'
import { tripSchema } from '../../processors/trip-state/trip-view.ts'
import { Type } from '../../topology/json-schema/index.ts'

/* Shapes of requests and answers (docs/queries.md): validation of the former, /openapi.json of both. */

const text = nullable(Type.String())

export { tripSchema }

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
        { additionalProperties: false },
      ),
    ),
    nextCursor: Type.Null(),
    before: nullable(tripSchema),
  },
  { additionalProperties: false },
)

export const driverSchema = Type.Object(
  {
    driverId: Type.String(),
    cell: Type.String({ description: 'H3 index at H3_RESOLUTION' }),
    lat: Type.Number(),
    lng: Type.Number(),
    status: nullable(Type.Enum([...DRIVER_STATUSES])),
    at: Type.String({ format: 'date-time' }),
  },
  { additionalProperties: false },
)

export const nearbySchema = Type.Object(
  {
    ...driverSchema.properties,
    distance: Type.Number({ description: 'Metres from the point asked for, on a sphere of 6,371,008.8 m' }),
  },
  { additionalProperties: false },
)

export const revenueSchema = Type.Object(
  { hour: Type.String(), revenue: Type.Number(), trips: Type.Integer() },
  { additionalProperties: false },
)

export const tripsQuery = Type.Object({ ...pageQuery, status: Type.Optional(tripSchema.properties.status) })
export type TripsQuery = Static<typeof tripsQuery>

export const tripQuery = Type.Object({
  asOf: Type.Optional(Type.String({ maxLength: 100, description: 'ISO 8601 with Z or an offset' })),
})
export type TripQuery = Static<typeof tripQuery>

export const MAX_RADIUS_M = 20_000

export const nearbyQuery = Type.Object({
  lat: Type.Number({ minimum: -90, maximum: 90 }),
  lng: Type.Number({ minimum: -180, maximum: 180 }),
  radius: Type.Number({ minimum: 0, maximum: MAX_RADIUS_M, default: 5000, description: 'Metres' }),
  limit: pageQuery.limit,
})
export type NearbyQuery = Static<typeof nearbyQuery>

export const cellQuery = Type.Object(pageQuery)
export type CellQuery = Static<typeof cellQuery>

const bound = (side: string) =>
  Type.Optional(Type.String({ description: `${side} hour, inclusive: ISO 8601 with Z or an offset` }))
export const revenueQuery = Type.Object({ ...pageQuery, from: bound('First'), to: bound('Last') })
export type RevenueQuery = Static<typeof revenueQuery>
