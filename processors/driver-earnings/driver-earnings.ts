import { fareOf, type HourTotal } from '../hourly-revenue/hourly-revenue.ts'
import { type JsonMoney, moneyToJson } from '../money.ts'
import { formatDay } from '../time/format-instant.ts'
import { driverOf, type Trip } from '../trip-state/trip.ts'

/** Value of topic driver.earnings; the key is `<driverId>|<day>`. */
export interface DriverEarnings {
  readonly driverId: string
  /** UTC, `2025-10-29`. */
  readonly day: string
  readonly earnings: JsonMoney
  readonly trips: number
}

/** The driver's day that a trip counts for, and what it adds; null until it is completed and its driver is known. */
export function driverDayAndFare(trip: Trip): readonly [driverDay: string, part: HourTotal] | null {
  const { completed } = trip
  const driverId = driverOf(trip)
  return completed === null || driverId === null
    ? null
    : [`${driverId}|${formatDay(completed.completedAt)}`, fareOf(completed.finalFare)]
}

export function driverEarningsOf(driverDay: string, { cents, trips }: HourTotal): DriverEarnings {
  // Ids may hold any character; days hold no bar.
  const bar = driverDay.lastIndexOf('|')
  return { driverId: driverDay.slice(0, bar), day: driverDay.slice(bar + 1), earnings: moneyToJson(cents), trips }
}
