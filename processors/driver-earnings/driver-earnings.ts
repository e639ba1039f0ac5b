import { jsonSerde, type KTable } from '../../topology/index.ts'
import { outputHeaders } from '../events/correlation-headers.ts'
import { keySerde } from '../events/event-serde.ts'
import {
  addTrip,
  centsSerde,
  EMPTY_HOUR,
  type HourTotal,
  hourTotalSerde,
  removeTrip,
} from '../hourly-revenue/hourly-revenue.ts'
import { type Cents, type JsonMoney, moneyToJson } from '../money.ts'
import { formatDay } from '../time/format-instant.ts'
import { DRIVER_EARNINGS_STORE, DRIVER_EARNINGS_TOPIC } from '../topics.ts'
import { driverOf, type Trip } from '../trip-state/trip.ts'

/** Value of topic driver.earnings; the key is `<driverId>|<day>`. */
export interface DriverEarnings {
  readonly driverId: string
  /** UTC, `2025-10-29`. */
  readonly day: string
  readonly earnings: JsonMoney
  readonly trips: number
}

/** The driver's day that a trip counts for, and its fare; null until it is completed and its driver is known. */
export function driverDayAndFare(trip: Trip): readonly [driverDay: string, fare: Cents] | null {
  const { completed } = trip
  const driverId = driverOf(trip)
  return completed === null || driverId === null
    ? null
    : [`${driverId}|${formatDay(completed.completedAt)}`, completed.finalFare]
}

export function driverEarningsOf(driverDay: string, { cents, trips }: HourTotal): DriverEarnings {
  // Ids may hold any character, days no bar.
  const bar = driverDay.lastIndexOf('|')
  return { driverId: driverDay.slice(0, bar), day: driverDay.slice(bar + 1), earnings: moneyToJson(cents), trips }
}

/** Table trip-state -> repartition by driver and day -> table driver-earnings -> topic driver.earnings. */
export function buildDriverEarnings(trips: KTable<string, Trip>): void {
  trips
    .groupBy((_tripId, trip) => driverDayAndFare(trip), {
      name: DRIVER_EARNINGS_STORE,
      keySerde,
      valueSerde: centsSerde,
    })
    .aggregate<HourTotal>({
      name: 'driver-earnings-fold',
      initializer: () => EMPTY_HOUR,
      adder: (_driverDay, fare, total) => addTrip(total, fare),
      subtractor: (_driverDay, fare, total) => removeTrip(total, fare),
      materialized: { name: DRIVER_EARNINGS_STORE, keySerde, valueSerde: hourTotalSerde, immutableValues: true },
    })
    .toStream({ name: 'driver-earnings-changes' })
    .mapValues((total, driverDay) => (total === null ? null : driverEarningsOf(driverDay, total)), {
      name: 'driver-earnings-view',
    })
    .to(DRIVER_EARNINGS_TOPIC, {
      name: 'driver-earnings-output',
      keySerde,
      valueSerde: jsonSerde<DriverEarnings>(),
      headers: outputHeaders(DRIVER_EARNINGS_TOPIC),
    })
}
