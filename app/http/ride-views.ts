import { type CellDemand, cellDemandOf, type DemandRow } from '../../processors/cell-demand/cell-demand.ts'
import { type DriverCell, type DriverView, driverView } from '../../processors/driver-cells/driver-cells.ts'
import { type DriverEarnings, driverEarningsOf } from '../../processors/driver-earnings/driver-earnings.ts'
import { type HourlyRevenue, type HourTotal, hourlyRevenueOf } from '../../processors/hourly-revenue/hourly-revenue.ts'
import {
  CELL_DEMAND_STORE,
  DRIVER_CELLS_STORE,
  DRIVER_EARNINGS_STORE,
  HOURLY_REVENUE_STORE,
  TRIP_FUNNEL_STORE,
  TRIP_STATE_STORE,
} from '../../processors/topics.ts'
import { type Funnel, type TripFunnel, tripFunnelOf } from '../../processors/trip-funnel/trip-funnel.ts'
import { type Trip, type TripState, tripStateOf } from '../../processors/trip-state/trip-state.ts'
import type { ValueAndTimestamp } from '../../state/index.ts'

/** Names of the stores, and functions that turn a stored value into an answer. */
export interface RideViews {
  readonly trips: StoreView<TripState>
  readonly drivers: StoreView<DriverView>
  readonly revenue: StoreView<HourlyRevenue>
  readonly earnings: StoreView<DriverEarnings>
  readonly funnel: StoreView<TripFunnel>
  /** Windows that are not closed. */
  readonly demand: StoreView<CellDemand>
}

export interface StoreView<T> {
  readonly store: string
  /** Pure. `stored` is what StreamsInstance answers: ValueAndTimestamp for timestamped stores. */
  view(key: string, stored: unknown): T
}

/** The ride-hailing application's stores as its outputs show them. */
export const rideViews: RideViews = {
  trips: { store: TRIP_STATE_STORE, view: (tripId, stored) => tripStateOf(tripId, plain<Trip>(stored)) },
  drivers: { store: DRIVER_CELLS_STORE, view: (driverId, stored) => driverView(driverId, plain<DriverCell>(stored)) },
  revenue: { store: HOURLY_REVENUE_STORE, view: (hour, stored) => hourlyRevenueOf(hour, plain<HourTotal>(stored)) },
  earnings: {
    store: DRIVER_EARNINGS_STORE,
    view: (driverDay, stored) => driverEarningsOf(driverDay, plain<HourTotal>(stored)),
  },
  funnel: { store: TRIP_FUNNEL_STORE, view: (hour, stored) => tripFunnelOf(hour, plain<Funnel>(stored)) },
  demand: {
    store: CELL_DEMAND_STORE,
    view: (_key, stored) => {
      const { cell, start, requests, completions } = plain<DemandRow>(stored)
      return cellDemandOf(cell, start, { requests, completions })
    },
  },
}

/**
 * Table stores return ValueAndTimestamp, and stores of the Processor API the plain value; none of our values looks like the
 * former.
 */
export function plain<T extends object>(stored: unknown): T {
  const row = stored as ValueAndTimestamp<T> | T
  return 'value' in row && 'timestamp' in row ? row.value : row
}
