import {
  type FixedKeyProcessor,
  type KStream,
  type ProcessorContext,
  record,
  type StreamRecord,
  type TimestampedKeyValueStore,
  type Topology,
} from '../../topology/index.ts'
import type { TripEvent } from '../events/ride-event.ts'
import { TRIP_STATE_STORE } from '../topics.ts'
import { NO_TRIP, type Trip } from './trip.ts'
import { applyTripEvent } from './trip-state.ts'

/*
 * Trips before and after each event that changes their request or completion. The table trip-state says the same, but once
 * per commit and key: a request overtaken within a commit would be lost, and event times would be out of order by a commit.
 *
 * Invariants:
 * 1. The steps stand before the fold of trip-state among the children of the source, so what they find in its store
 *    is the trip before the event (no second store of trips). A redelivered or stale event changes nothing: no step.
 */

export interface TripStep {
  readonly before: Trip
  readonly after: Trip
}

const STEPS = 'trip-steps'

class TripSteps implements FixedKeyProcessor<string, TripEvent, TripStep> {
  #context!: ProcessorContext<string, TripStep>
  #trips!: TimestampedKeyValueStore<string, Trip>

  init(context: ProcessorContext<string, TripStep>): void {
    this.#context = context
    this.#trips = context.store(TRIP_STATE_STORE)
  }

  process({ key, value: event, timestamp, headers }: StreamRecord<string, TripEvent>): void {
    if (event.type !== 'trip.requested' && event.type !== 'trip.completed') return
    const before = this.#trips.get(key)?.value ?? NO_TRIP
    const after = applyTripEvent(before, event)
    if (after !== before) this.#context.forward(record(key, { before, after }, timestamp, headers))
  }
}

/** To be called before the table trip-state is built (invariant 1). */
export function tripSteps(events: KStream<string, TripEvent>): KStream<string, TripStep> {
  return events.processValues(() => new TripSteps(), { name: STEPS })
}

/** The store is not there yet when the steps are added. */
export function connectTripSteps(topology: Topology): void {
  topology.connectProcessorAndStateStores(STEPS, [TRIP_STATE_STORE])
}
