import type { Serde } from '../../topology/index.ts'
import {
  addCents,
  type Cents,
  centsFromJson,
  centsToJson,
  type JsonMoney,
  moneyToJson,
  subtractCents,
} from '../money.ts'
import { formatHour } from '../time/format-instant.ts'
import type { Trip } from '../trip-state/trip.ts'

/** A row of the store hourly-revenue. Immutable. */
export interface HourTotal {
  readonly cents: Cents
  readonly trips: number
}

/** Value of topic analytics.hourly_revenue. */
export interface HourlyRevenue {
  /** Start of the UTC hour, also the key: `2025-10-29T10:00:00Z`. */
  readonly hour: string
  readonly revenue: JsonMoney
  readonly trips: number
}

export const EMPTY_HOUR: HourTotal = { cents: 0, trips: 0 }

/** The hour that a trip counts for, and its fare; null until it is completed. */
export function hourAndFare(trip: Trip): readonly [hour: string, fare: Cents] | null {
  const { completed } = trip
  return completed === null ? null : [formatHour(completed.completedAt), completed.finalFare]
}

export function addTrip(total: HourTotal, fare: Cents): HourTotal {
  return { cents: addCents(total.cents, fare), trips: total.trips + 1 }
}

export function removeTrip(total: HourTotal, fare: Cents): HourTotal {
  return { cents: subtractCents(total.cents, fare), trips: total.trips - 1 }
}

export function hourlyRevenueOf(hour: string, total: HourTotal): HourlyRevenue {
  return { hour, revenue: moneyToJson(total.cents), trips: total.trips }
}

/** Store and changelog: `[cents, trips]`. */
export const hourTotalSerde: Serde<HourTotal> = {
  serialize: (_topic, { cents, trips }) => JSON.stringify([centsToJson(cents), trips]),
  deserialize(_topic, bytes) {
    const [cents, trips] = JSON.parse(bytes.toString('utf8')) as [number | string, number]
    return { cents: centsFromJson(cents), trips }
  },
}

/** Fares on the repartition topic: cents as decimal digits. */
export const centsSerde: Serde<Cents> = {
  serialize: (_topic, cents) => cents.toString(),
  deserialize(_topic, bytes) {
    const text = bytes.toString('latin1')
    const cents = Number(text)
    return Number.isSafeInteger(cents) ? cents : BigInt(text)
  },
}

/** How fares of trips are summed, whatever they are summed by. */
export const FARE_SUMS = {
  add: addTrip,
  remove: removeTrip,
  empty: EMPTY_HOUR,
  isEmpty: ({ trips }: { readonly trips: number }) => trips === 0,
  totalSerde: hourTotalSerde,
  partSerde: centsSerde,
}
