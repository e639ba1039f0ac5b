import type { Mark } from '../events/ride-event.ts'
import type { DriverStatus } from '../events/schemas.ts'

/** What the store driver-cells holds of a driver: where the last event left it. Immutable. */
export interface DriverCell extends Mark {
  /** H3 index at the configured resolution. */
  readonly cell: string
  readonly lat: number
  readonly lng: number
  /** Of the last event; null when it had none. */
  readonly status: DriverStatus | null
}
