import { cellDemand } from './cell-demand/descriptor.ts'
import { driverCells } from './driver-cells/descriptor.ts'
import { driverEarnings } from './driver-earnings/descriptor.ts'
import { hourlyRevenue } from './hourly-revenue/descriptor.ts'
import { tripFunnel } from './trip-funnel/descriptor.ts'
import { tripHistory } from './trip-history/descriptor.ts'
import { tripOffers } from './trip-offers/descriptor.ts'
import { tripState } from './trip-state/descriptor.ts'

/**
 * All processors, in the order in which documentation, configuration and lists of topics name them, and in which they are built (but for
 * `buildsBefore`). Subtopologies are numbered in the order their sources come: a new processor stands at the end, so that running
 * applications keep their numbers.
 */
export const RIDE_PROCESSORS = [
  tripState,
  driverCells,
  hourlyRevenue,
  tripOffers,
  cellDemand,
  tripFunnel,
  driverEarnings,
  tripHistory,
] as const
