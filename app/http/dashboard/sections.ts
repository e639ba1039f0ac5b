import type { Counted } from '../../../infra/http/dashboard/sections/index.ts'

/* The ride sections in the dashboard's event stream: types only, shared by page and server. */

/** Every section of rides by the name of its event. */
export interface RideSections {
  readonly trips: Counted<TripCounts>
  readonly revenue: RevenueHours
  readonly cells: Counted<CellCounts>
}

export interface TripCounts {
  readonly requested: number
  readonly accepted: number
  readonly started: number
  readonly cancelled: number
  readonly completed: number
}

export interface CellCounts {
  /** H3 resolution of `cells`: the stored one, or coarser where that would be too many. */
  readonly resolution: number
  readonly cells: ReadonlyArray<
    readonly [cell: string, available: number, onTrip: number, unknown: number, offline: number]
  >
}

export interface RevenueHours {
  /** Oldest first; hours without a trip may be missing. Start of the hour in epoch seconds. */
  readonly hours: ReadonlyArray<readonly [hour: number, revenue: number, trips: number]>
}
