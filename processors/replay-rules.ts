import { type ReplayRule, type ReplayRules, TABLE_RULE } from '../topology/index.ts'
import type { Demand } from './cell-demand/cell-demand.ts'
import type { DriverCellChanged } from './driver-cells/driver-cells.ts'
import { EMPTY_HOUR, type HourlyRevenue, hourTotalSerde } from './hourly-revenue/hourly-revenue.ts'
import { instantMs } from './time/parse-instant.ts'
import {
  CELL_DEMAND_STORE,
  CELL_DEMAND_TOPIC,
  DRIVER_CELL_CHANGED_TOPIC,
  DRIVER_EARNINGS_STORE,
  DRIVER_EARNINGS_TOPIC,
  HOURLY_REVENUE_STORE,
  HOURLY_REVENUE_TOPIC,
  TRIP_FUNNEL_STORE,
  TRIP_FUNNEL_TOPIC,
  TRIP_OFFERS_TOPIC,
} from './topics.ts'
import { EMPTY_FUNNEL, funnelSerde, type TripFunnel } from './trip-funnel/trip-funnel.ts'
import type { TripOffers } from './trip-offers/offer-gathering.ts'

/** Sums: a row that nothing counts for says what no row says. Which of the two is there depends on how commits fell. */
function totals(isEmpty: (value: Buffer) => boolean): ReplayRule {
  const nothing = (value: Buffer | null): boolean => value === null || isSafely(isEmpty, value)
  return {
    isTable: true,
    correction: (row) => (nothing(row.rebuilt) && nothing(row.found) ? undefined : TABLE_RULE.correction(row)),
  }
}

/** Each change is announced once: what can be wrong is where the last one left the driver, and one more sets it right. */
const CELL_CHANGES: ReplayRule = {
  isTable: false,
  correction({ rebuilt, found, isGone }) {
    if (rebuilt === null || (found === null && isGone)) return undefined
    const change = json<DriverCellChanged>(rebuilt)
    const before = found === null ? null : (jsonIn<Partial<DriverCellChanged>>(found)?.cell ?? null)
    if (change.cell === before) return undefined
    return Buffer.from(JSON.stringify({ ...change, previousCell: before } satisfies DriverCellChanged))
  },
}

/** An offer is true of its moment, and other drivers may be found now: only what was never offered is. */
const OFFERS: ReplayRule = {
  isTable: false,
  correction({ rebuilt, found, isGone }) {
    if (rebuilt === null || (found === null && isGone)) return undefined
    const last = found === null ? null : jsonIn<Partial<TripOffers>>(found)?.requestedAt
    const isOffered = typeof last === 'string' && instantMs(last) >= instantMs(json<TripOffers>(rebuilt).requestedAt)
    return isOffered ? undefined : rebuilt
  },
}

/** One final row per window: a window that the replay has not closed is none of its business. */
const WINDOWS: ReplayRule = {
  isTable: true,
  correction(row) {
    return row.rebuilt === null || (row.found === null && row.isGone) ? undefined : TABLE_RULE.correction(row)
  },
}

const isEmptyTotal = (value: Buffer): boolean => value.equals(EMPTY_TOTAL_ROW)
const EMPTY_TOTAL_ROW = Buffer.from(String(hourTotalSerde.serialize('', EMPTY_HOUR)))
const EMPTY_FUNNEL_ROW = Buffer.from(String(funnelSerde.serialize('', EMPTY_FUNNEL)))

/** Counts of windows that are not closed. The time of the last change is not compared: it depends on the order of arrival. */
const OPEN_WINDOWS: ReplayRule = {
  isTable: true,
  correction(row) {
    const [rebuilt, found] = [countsOf(row.rebuilt), countsOf(row.found)]
    return rebuilt === found ? undefined : TABLE_RULE.correction(row)
  },
}

function countsOf(value: Buffer | null): string {
  if (value === null) return '0 0'
  const { requests, completions } = jsonIn<Partial<Demand>>(value) ?? {}
  return typeof requests === 'number' && typeof completions === 'number' ? `${requests} ${completions}` : String(value)
}

/** The rules of the stores and outputs that are no plain tables; docs/decisions/replay.md says why. */
export const rideReplayRules: ReplayRules = {
  stores: {
    [HOURLY_REVENUE_STORE]: totals(isEmptyTotal),
    [DRIVER_EARNINGS_STORE]: totals(isEmptyTotal),
    [TRIP_FUNNEL_STORE]: totals((value) => value.equals(EMPTY_FUNNEL_ROW)),
    [CELL_DEMAND_STORE]: OPEN_WINDOWS,
  },
  outputs: {
    [DRIVER_CELL_CHANGED_TOPIC]: CELL_CHANGES,
    [HOURLY_REVENUE_TOPIC]: totals((value) => json<HourlyRevenue>(value).trips === 0),
    [DRIVER_EARNINGS_TOPIC]: totals((value) => json<HourlyRevenue>(value).trips === 0),
    [TRIP_FUNNEL_TOPIC]: totals((value) => json<TripFunnel>(value).requested === 0),
    [TRIP_OFFERS_TOPIC]: OFFERS,
    [CELL_DEMAND_TOPIC]: WINDOWS,
  },
}

const json = <T>(value: Buffer): T => JSON.parse(value.toString('utf8')) as T

/** Parses a value that anybody may have written. */
function jsonIn<T>(value: Buffer): T | null {
  try {
    return json<T | null>(value)
  } catch {
    // Not JSON: it says nothing.
    return null
  }
}

function isSafely(test: (value: Buffer) => boolean, value: Buffer): boolean {
  try {
    return test(value)
  } catch {
    // No row of ours: it differs.
    return false
  }
}
