import { cellDemand } from './cell-demand/descriptor.ts'
import { driverCells } from './driver-cells/descriptor.ts'
import { driverEarnings } from './driver-earnings/descriptor.ts'
import { hourlyRevenue } from './hourly-revenue/descriptor.ts'
import { ALL_PROCESSORS, type ProcessorName } from './processor-names.ts'
import type { RideProcessor } from './ride-processor.ts'
import { tripFunnel } from './trip-funnel/descriptor.ts'
import { tripHistory } from './trip-history/descriptor.ts'
import { tripOffers } from './trip-offers/descriptor.ts'
import { tripState } from './trip-state/descriptor.ts'

/**
 * All processors, in the order in which they are built. Subtopologies are numbered in the order their sources come, so the core ones
 * come first and running applications keep theirs. A processor that reads another's store before the event changes it stands before that
 * one: trip-history before trip-state, trip-offers before driver-cells.
 */
export const RIDE_PROCESSORS: Readonly<Record<ProcessorName, RideProcessor>> = {
  'trip-history': tripHistory,
  'trip-state': tripState,
  'hourly-revenue': hourlyRevenue,
  'trip-offers': tripOffers,
  'driver-cells': driverCells,
  'cell-demand': cellDemand,
  'trip-funnel': tripFunnel,
  'driver-earnings': driverEarnings,
}

/** All processors, in the order in which documentation and lists of topics name them. */
export const ALL_RIDE_PROCESSORS: readonly RideProcessor[] = ALL_PROCESSORS.map((name) => RIDE_PROCESSORS[name])
