import { type EventType, TRIP_EVENT_TYPES } from './events/schemas.ts'

export const TRIP_STATE_TOPIC = 'trip.state'
export const DRIVER_CELL_CHANGED_TOPIC = 'driver.cell.changed'
export const HOURLY_REVENUE_TOPIC = 'analytics.hourly_revenue'
export const TRIP_OFFERS_TOPIC = 'trip.offers'
export const CELL_DEMAND_TOPIC = 'analytics.cell_demand'
export const TRIP_FUNNEL_TOPIC = 'analytics.trip_funnel'
export const DRIVER_EARNINGS_TOPIC = 'driver.earnings'

export const TRIP_TOPICS: readonly string[] = TRIP_EVENT_TYPES
export const DRIVER_TOPIC = 'driver.location.updated' satisfies EventType

export const TRIP_STATE_STORE = 'trip-state'
export const DRIVER_CELLS_STORE = 'driver-cells'
export const HOURLY_REVENUE_STORE = 'hourly-revenue'
export const TRIP_HISTORY_STORE = 'trip-history'
export const CELL_DEMAND_STORE = 'cell-demand'
export const TRIP_FUNNEL_STORE = 'trip-funnel'
export const DRIVER_EARNINGS_STORE = 'driver-earnings'
