import { jsonSerde, type KTable, type Serde } from '../../topology/index.ts'
import { outputHeaders } from '../events/correlation-headers.ts'
import { keySerde } from '../events/event-serde.ts'
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
import { HOURLY_REVENUE_STORE, HOURLY_REVENUE_TOPIC } from '../topics.ts'
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

/**
 * Table trip-state -> repartition by hour -> table hourly-revenue -> topic analytics.hourly_revenue. A correction reaches
 * it as old and new value of the trip's row: the old fare leaves its hour, the new one enters.
 */
export function buildHourlyRevenue(trips: KTable<string, Trip>): void {
  trips
    .groupBy((_tripId, trip) => hourAndFare(trip), { name: HOURLY_REVENUE_STORE, keySerde, valueSerde: centsSerde })
    .aggregate<HourTotal>({
      name: 'hourly-revenue-fold',
      initializer: () => EMPTY_HOUR,
      adder: (_hour, fare, total) => addTrip(total, fare),
      subtractor: (_hour, fare, total) => removeTrip(total, fare),
      materialized: { name: HOURLY_REVENUE_STORE, keySerde, valueSerde: hourTotalSerde, immutableValues: true },
    })
    .toStream({ name: 'hourly-revenue-changes' })
    .mapValues((total, hour) => (total === null ? null : hourlyRevenueOf(hour, total)), { name: 'hourly-revenue-view' })
    .to(HOURLY_REVENUE_TOPIC, {
      name: 'hourly-revenue-output',
      keySerde,
      valueSerde: jsonSerde<HourlyRevenue>(),
      headers: outputHeaders(HOURLY_REVENUE_TOPIC),
    })
}
