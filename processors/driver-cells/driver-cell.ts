import type { Mark } from '../events/ride-event.ts'
import type { DriverStatus } from '../events/schemas.ts'

/** A row of the store driver-cells: the driver after its last event. Immutable. */
export interface DriverCell extends Mark {
  /** H3 index at the configured resolution. */
  readonly cell: string
  readonly lat: number
  readonly lng: number
  /** Status in the last event; null when it had none. */
  readonly status: DriverStatus | null
}
