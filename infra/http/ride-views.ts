import { type DriverCell, driverView } from '../../processors/driver-cells/driver-cells.ts'
import { type HourTotal, hourlyRevenueOf } from '../../processors/hourly-revenue/hourly-revenue.ts'
import { DRIVER_CELLS_STORE, HOURLY_REVENUE_STORE, TRIP_STATE_STORE } from '../../processors/topics.ts'
import { type Trip, tripStateOf } from '../../processors/trip-state/trip-state.ts'
import type { ValueAndTimestamp } from '../../state/ports/stores.ts'
import type { RideViews } from './views.ts'

/** The ride-hailing application's stores as its outputs show them. */
export const rideViews: RideViews = {
  trips: { store: TRIP_STATE_STORE, view: (tripId, stored) => tripStateOf(tripId, plain<Trip>(stored)) },
  drivers: { store: DRIVER_CELLS_STORE, view: (driverId, stored) => driverView(driverId, plain<DriverCell>(stored)) },
  revenue: { store: HOURLY_REVENUE_STORE, view: (hour, stored) => hourlyRevenueOf(hour, plain<HourTotal>(stored)) },
}

/** Table stores answer ValueAndTimestamp, stores of the Processor API the bare value; none of our values looks like the former. */
export function plain<T extends object>(stored: unknown): T {
  const row = stored as ValueAndTimestamp<T> | T
  return 'value' in row && 'timestamp' in row ? row.value : row
}
