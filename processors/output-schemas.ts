import type { Static } from 'typebox'
import { Type } from '../topology/json-schema/index.ts'
import { DRIVER_STATUSES } from './events/schemas.ts'
import {
  CELL_DEMAND_TOPIC,
  DRIVER_CELL_CHANGED_TOPIC,
  DRIVER_EARNINGS_TOPIC,
  HOURLY_REVENUE_TOPIC,
  TRIP_FUNNEL_TOPIC,
  TRIP_OFFERS_TOPIC,
  TRIP_STATE_TOPIC,
} from './topics.ts'
import { offersSchema } from './trip-offers/offers-schema.ts'
import { tripSchema } from './trip-state/trip-view.ts'

/* The values of the output topics, as JSON Schema. Exports, typed consumers and the AsyncAPI document derive from here. */

const closed = { additionalProperties: false }
const instant = (description: string) => Type.String({ format: 'date-time', description })
const money = (description: string) => Type.Number({ description: `${description}; exact to the cent` })
const count = Type.Integer({ minimum: 0 })
const seconds = Type.Union([Type.Number(), Type.Null()])
const place = { lat: Type.Number(), lng: Type.Number() }
const driverStatus = Type.Union([Type.Enum([...DRIVER_STATUSES]), Type.Null()])
const text = Type.Union([Type.String(), Type.Null()])

/** Value of each output topic, by its name. */
export const OUTPUT_SCHEMAS = {
  [TRIP_STATE_TOPIC]: tripSchema,
  [DRIVER_CELL_CHANGED_TOPIC]: Type.Object(
    {
      driverId: Type.String(),
      cell: Type.String({ description: 'H3 index at H3_RESOLUTION' }),
      previousCell: text,
      ...place,
      status: driverStatus,
      at: instant('time of the event'),
    },
    closed,
  ),
  [HOURLY_REVENUE_TOPIC]: Type.Object(
    { hour: instant('start of the UTC hour'), revenue: money('sum of the fares'), trips: count },
    closed,
  ),
  [TRIP_OFFERS_TOPIC]: offersSchema,
  [CELL_DEMAND_TOPIC]: Type.Object(
    {
      cell: Type.String({ description: 'H3 index of resolution 7' }),
      windowStart: instant('inclusive'),
      windowEnd: instant('exclusive'),
      requests: Type.Integer(),
      completions: Type.Integer(),
    },
    closed,
  ),
  [TRIP_FUNNEL_TOPIC]: Type.Object(
    {
      hour: instant('start of the UTC hour of the requests'),
      requested: count,
      accepted: count,
      started: count,
      completed: count,
      cancelled: count,
      medianSecondsToAccept: seconds,
      p95SecondsToAccept: seconds,
    },
    closed,
  ),
  [DRIVER_EARNINGS_TOPIC]: Type.Object(
    {
      driverId: Type.String(),
      day: Type.String({ format: 'date', description: 'UTC day' }),
      earnings: money('sum of the fares'),
      trips: count,
    },
    closed,
  ),
} as const

export type OutputTopic = keyof typeof OUTPUT_SCHEMAS

/** Values by output topic. Amounts are numbers in JSON: those beyond 2^43 are exact in the text only. */
export type OutputValues = { readonly [T in OutputTopic]: Static<(typeof OUTPUT_SCHEMAS)[T]> }

export const OUTPUT_TOPICS = Object.keys(OUTPUT_SCHEMAS) as readonly OutputTopic[]

/** Fields that hold an amount of money, in events and in outputs. */
export const MONEY_FIELDS: ReadonlySet<string> = new Set(['estimatedFare', 'finalFare', 'revenue', 'earnings'])
