import { Type } from '../../topology/json-schema/index.ts'

const closed = { additionalProperties: false }
const place = { lat: Type.Number(), lng: Type.Number() }

/** Value of topic trip.offers. */
export const offersSchema = Type.Object(
  {
    tripId: Type.String(),
    requestedAt: Type.String({ format: 'date-time', description: 'time of the request' }),
    pickup: Type.Object({ ...place, address: Type.Union([Type.String(), Type.Null()]) }, closed),
    offers: Type.Array(
      Type.Object({ driverId: Type.String(), distanceMeters: Type.Number({ minimum: 0 }), ...place }, closed),
    ),
  },
  closed,
)
