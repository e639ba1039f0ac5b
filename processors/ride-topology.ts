import { StreamsBuilder } from '../topology/streams-builder.ts'
import type { Topology } from '../topology/topology.ts'
import { buildDriverCells } from './driver-cells.ts'
import { buildHourlyRevenue } from './hourly-revenue.ts'
import { buildTripState } from './trip-state.ts'

export interface RideTopologyOptions {
  /** H3 resolution of driver cells, 0 to 15. */
  readonly h3Resolution: number
}

/** The application: rides in, trip states, driver cells and hourly revenue out. */
export function buildRideTopology({ h3Resolution }: RideTopologyOptions): Topology {
  const builder = new StreamsBuilder({ ensureExplicitInternalResourceNaming: true })
  const trips = buildTripState(builder)
  buildHourlyRevenue(trips)
  buildDriverCells(builder, h3Resolution)
  return builder.build()
}
