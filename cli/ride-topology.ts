import type { Config } from '../infra/config/config.ts'
import { buildRideTopology } from '../processors/ride-topology.ts'
import type { Topology } from '../topology/topology.ts'

/** The application's topology under this configuration. */
export function rideTopology(config: Config): Topology {
  return buildRideTopology({ h3Resolution: config.h3Resolution })
}
