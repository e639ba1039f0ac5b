import type { DriverView } from '../../processors/driver-cells/driver-cells.ts'
import type { HourlyRevenue } from '../../processors/hourly-revenue/hourly-revenue.ts'
import type { TripState } from '../../processors/trip-state/trip-state.ts'

/** What the routes know of the application: names of its stores, and how a stored value becomes an answer. */
export interface RideViews {
  readonly trips: StoreView<TripState>
  readonly drivers: StoreView<DriverView>
  readonly revenue: StoreView<HourlyRevenue>
}

export interface StoreView<T> {
  readonly store: string
  /** Pure. `stored` is what StreamsInstance answers: ValueAndTimestamp for timestamped stores. */
  view(key: string, stored: unknown): T
}
