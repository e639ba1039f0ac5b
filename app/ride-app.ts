import type { AppDefinition } from '../infra/streams/index.ts'
import { eventIds } from '../processors/events/event-ids.ts'
import { buildRideTopology, type RideTopologyOptions } from '../processors/ride-topology.ts'
import type { StoreViews } from '../runtime/index.ts'
import type { Plan } from '../topology/index.ts'
import { rideViews } from './http/ride-views.ts'

export interface RideAppOptions extends RideTopologyOptions {
  readonly applicationId: string
}

/** The ride-hailing application, as the threads of startApp load it: this module. */
export function rideApp(options: RideAppOptions): AppDefinition {
  const { applicationId, h3Resolution, processors, driverTtlMs, tripHistoryRetentionMs } = options
  const plain = { applicationId, h3Resolution, processors, driverTtlMs, tripHistoryRetentionMs }
  return { module: import.meta.url, options: plain }
}

/** Called in every thread with the options of rideApp. */
export function buildPlan(options: unknown): Plan {
  const { applicationId, ...topology } = options as RideAppOptions
  return buildRideTopology(topology).build({ applicationId })
}

/** Log lines name bad events by their ids. */
export const describeRecord = eventIds

/** How the threads show the rows of their stores. */
export const views: StoreViews = Object.fromEntries(
  Object.values(rideViews).map(({ store, view }) => [store, (key, stored) => view(String(key), stored)]),
)
