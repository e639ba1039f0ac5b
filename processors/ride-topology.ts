import { StreamsBuilder, StreamsTopologyError, type Topology } from '../topology/index.ts'
import { tripClock } from './events/trip-clock.ts'
import { tripEvents } from './events/trip-events.ts'
import { CORE_PROCESSORS, type ProcessorName, processorsProblem } from './processor-names.ts'
import type { RideProcessor, RideStreams } from './ride-processor.ts'
import { RIDE_PROCESSORS } from './ride-processors.ts'
import { connectTripSteps, tripSteps } from './trip-state/trip-steps.ts'

export interface RideTopologyOptions {
  /** H3 resolution of driver cells, 0 to 15. */
  readonly h3Resolution: number
  /** The processors that run; by default the core ones. */
  readonly processors?: readonly ProcessorName[]
  /** Drivers silent for longer than this before a request are not offered, ms; 0 = no limit (default 300,000). */
  readonly driverTtlMs?: number
  /** How long the events of a trip are kept after its last one, ms of stream time; -1 = for ever (default 7 days). */
  readonly tripHistoryRetentionMs?: number
}

/** The application: rides in, trip states, driver cells, hourly revenue and more out. */
export function buildRideTopology({
  h3Resolution,
  processors = CORE_PROCESSORS,
  driverTtlMs = 300_000,
  tripHistoryRetentionMs = 604_800_000,
}: RideTopologyOptions): Topology {
  const problem = processorsProblem(processors)
  if (problem !== null) throw new StreamsTopologyError(`processors: ${problem}`)
  const running = inBuildOrder(RIDE_PROCESSORS.filter(({ name }) => processors.includes(name)))
  const idleMs = running.flatMap(({ closesWhenIdleMs }) => closesWhenIdleMs ?? [])
  const builder = new StreamsBuilder({
    ensureExplicitInternalResourceNaming: true,
    ...(idleMs.length > 0 && { closeWindowsWhenIdle: { afterMs: Math.min(...idleMs) } }),
  })
  // Only histories go by the stream time of trips: without them nobody pays for the clock.
  const clock = running.some(({ readsTripTime }) => readsTripTime) ? tripClock : undefined
  const events = processors.includes('trip-state') ? tripEvents(builder, clock) : null
  const hasSteps = running.some(({ readsSteps }) => readsSteps === true)
  const steps = events !== null && hasSteps ? tripSteps(events) : null
  const rides: RideStreams = {
    builder,
    h3Resolution,
    scansDrivers: running.some((processor) => processor.scansDrivers === true),
    driverTtlMs,
    tripHistoryRetentionMs,
    events,
    steps,
    trips: null,
  }
  for (const processor of running) processor.build(rides)
  const topology = builder.build()
  if (steps !== null) connectTripSteps(topology)
  for (const { connect } of running) connect?.(topology)
  return topology
}

/** In the order of the list, but for `buildsBefore`. */
function inBuildOrder(processors: readonly RideProcessor[]): readonly RideProcessor[] {
  const order: RideProcessor[] = []
  for (const one of processors) {
    const at = order.findIndex(({ name }) => name === one.buildsBefore)
    order.splice(at < 0 ? order.length : at, 0, one)
  }
  return order
}
