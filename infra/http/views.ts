import type { DriverView, RevenueView, TripView } from './schemas.ts'

/** What the routes know of the application: names of its stores, and how a stored value becomes an answer. */
export interface RideViews {
  readonly trips: StoreView<TripView>
  readonly drivers: StoreView<DriverView>
  readonly revenue: StoreView<RevenueView>
}

export interface StoreView<T> {
  readonly store: string
  /** Pure. `stored` is what StreamsInstance answers: ValueAndTimestamp for timestamped stores. */
  view(key: string, stored: unknown): T
}
