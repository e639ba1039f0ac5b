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

/** The hour that a trip counts for, and what it adds; null until it is completed. */
export function hourAndFare(trip: Trip): readonly [hour: string, part: HourTotal] | null {
  const { completed } = trip
  return completed === null ? null : [formatHour(completed.completedAt), fareOf(completed.finalFare)]
}

/** The part of a total that one trip adds. */
export function fareOf(cents: Cents): HourTotal {
  return { cents, trips: 1 }
}

export function addTotal(total: HourTotal, part: HourTotal): HourTotal {
  return { cents: addCents(total.cents, part.cents), trips: total.trips + part.trips }
}

export function subtractTotal(total: HourTotal, part: HourTotal): HourTotal {
  return { cents: subtractCents(total.cents, part.cents), trips: total.trips - part.trips }
}

export function hourlyRevenueOf(hour: string, total: HourTotal): HourlyRevenue {
  return { hour, revenue: moneyToJson(total.cents), trips: total.trips }
}

/** Store, changelog and repartition topic: `[cents, trips]`. */
export const hourTotalSerde: Serde<HourTotal> = {
  serialize: (_topic, { cents, trips }) => JSON.stringify([centsToJson(cents), trips]),
  deserialize(_topic, bytes) {
    const text = bytes.toString('latin1')
    if (!text.startsWith('[')) return fareOf(centsOfDigits(text))
    const [cents, trips] = JSON.parse(text) as [number | string, number]
    return { cents: centsFromJson(cents), trips }
  },
}

/** Version 0.1 put the fare of one trip on the repartition topic, as digits. */
function centsOfDigits(text: string): Cents {
  const cents = Number(text)
  return Number.isSafeInteger(cents) ? cents : BigInt(text)
}

/** How fares of trips are summed, whatever they are summed by. */
export const FARE_SUMS = {
  add: addTotal,
  remove: subtractTotal,
  empty: EMPTY_HOUR,
  isEmpty: ({ trips }: { readonly trips: number }) => trips === 0,
  totalSerde: hourTotalSerde,
  partSerde: hourTotalSerde,
  parts: { none: () => EMPTY_HOUR, add: addTotal, subtract: subtractTotal },
}
