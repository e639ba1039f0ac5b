import { StreamsBuilder, StreamsTopologyError, type Topology } from '../topology/index.ts'
import { connectCellDemand, demandByCell } from './cell-demand/cell-demand.ts'
import { buildDriverCells } from './driver-cells/driver-cells.ts'
import { buildDriverEarnings } from './driver-earnings/driver-earnings.ts'
import { tripClock } from './events/trip-clock.ts'
import { tripEvents } from './events/trip-events.ts'
import { buildHourlyRevenue } from './hourly-revenue/hourly-revenue.ts'
import { CORE_PROCESSORS, type ProcessorName, processorsProblem } from './processor-names.ts'
import { buildTripFunnel } from './trip-funnel/trip-funnel.ts'
import { buildTripHistory, connectTripHistory } from './trip-history/build-trip-history.ts'
import { buildTripOffers, driverPositions } from './trip-offers/trip-offers.ts'
import { buildTripState } from './trip-state/trip-state.ts'
import { connectTripSteps, tripSteps } from './trip-state/trip-steps.ts'

export interface RideTopologyOptions {
  /** H3 resolution of driver cells, 0 to 15. */
  readonly h3Resolution: number
  /** The processors that run; by default the core ones. */
  readonly processors?: readonly ProcessorName[]
  /** Drivers silent for longer before a request are not offered, ms; 0 = no limit (default 300,000). */
  readonly driverTtlMs?: number
  /** How long the events of a trip are kept after its last one, ms of stream time; -1 = for ever (default 7 days). */
  readonly tripHistoryRetentionMs?: number
}

/** Quiet for so long, windows of cell-demand close by the clock (docs/idle-windows.md). */
const IDLE_MS = 10_000

/**
 * The application: rides in, trip states, driver cells, hourly revenue and more out. Subtopologies are numbered in the order
 * their sources come; the core ones come first, so that running applications keep theirs.
 */
export function buildRideTopology({
  h3Resolution,
  processors = CORE_PROCESSORS,
  driverTtlMs = 300_000,
  tripHistoryRetentionMs = 604_800_000,
}: RideTopologyOptions): Topology {
  const problem = processorsProblem(processors)
  if (problem !== null) throw new StreamsTopologyError(`processors: ${problem}`)
  const runs = (name: ProcessorName): boolean => processors.includes(name)
  const builder = new StreamsBuilder({
    ensureExplicitInternalResourceNaming: true,
    ...(runs('cell-demand') ? { closeWindowsWhenIdle: { afterMs: IDLE_MS } } : {}),
  })
  // Only histories go by the stream time of trips: without them nobody pays for the clock.
  const events = runs('trip-state') ? tripEvents(builder, runs('trip-history') ? tripClock : undefined) : null
  const steps = events !== null && (runs('trip-offers') || runs('cell-demand')) ? tripSteps(events) : null
  if (events !== null && runs('trip-history')) buildTripHistory(events, tripHistoryRetentionMs)
  const trips = events === null ? null : buildTripState(events)
  if (trips !== null && runs('hourly-revenue')) buildHourlyRevenue(trips)
  const positions = runs('trip-offers') ? driverPositions(builder) : null
  if (runs('driver-cells')) buildDriverCells(builder, h3Resolution)
  if (steps !== null && positions !== null) buildTripOffers(steps, positions, driverTtlMs)
  if (steps !== null && runs('cell-demand')) demandByCell(steps)
  if (trips !== null && runs('trip-funnel')) buildTripFunnel(trips)
  if (trips !== null && runs('driver-earnings')) buildDriverEarnings(trips)
  const topology = builder.build()
  if (steps !== null) connectTripSteps(topology)
  if (runs('cell-demand')) connectCellDemand(topology)
  if (runs('trip-history')) connectTripHistory(topology)
  return topology
}
