import {
  type KeyValueSpec,
  type KStream,
  keyValueStore,
  type Processor,
  type ProcessorContext,
  type StreamRecord,
  type TimestampedKeyValueStore,
  type Topology,
} from '../../topology/index.ts'
import { keySerde } from '../events/event-serde.ts'
import type { TripEvent } from '../events/ride-event.ts'
import { TRIP_HISTORY_STORE, TRIP_STATE_STORE } from '../topics.ts'
import { NO_TRIP, type Trip } from '../trip-state/trip.ts'
import { addEvent, historyOf, type KeptHistory } from './trip-history.ts'
import { tripHistorySerde } from './trip-history-serde.ts'

/*
 * Keeps the events of every trip until nothing has happened to it for the retention.
 *
 * Invariants:
 * 1. It stands before the fold of trip-state among the children of the source, so what it finds in that store is the trip before the event:
 *    what a history begins with when it is new to the trip (the processor was added later, or the history had expired).
 */

const TRACK = 'trip-history-track'

export function tripHistoryStore(retentionMs: number): KeyValueSpec {
  return keyValueStore<string, KeptHistory>({
    name: TRIP_HISTORY_STORE,
    keySerde,
    valueSerde: tripHistorySerde,
    immutableValues: true,
    changelogParts: true,
    timestamped: true,
    scan: false,
    ttlMs: retentionMs < 0 ? undefined : retentionMs,
  })
}

class TripHistoryTracker implements Processor<string, TripEvent, never, never> {
  #context!: ProcessorContext<never, never>
  #histories!: TimestampedKeyValueStore<string, KeptHistory>
  #trips!: TimestampedKeyValueStore<string, Trip>

  init(context: ProcessorContext<never, never>): void {
    this.#context = context
    this.#histories = context.store(TRIP_HISTORY_STORE)
    this.#trips = context.store(TRIP_STATE_STORE)
  }

  process({ key: tripId, value: event, timestamp }: StreamRecord<string, TripEvent>): void {
    const row = this.#histories.get(tripId)
    const history = row?.value ?? historyOf(this.#trips.get(tripId)?.value ?? NO_TRIP)
    const next = addEvent(history, event)
    if (next === history) return
    // A late event must not let it expire earlier.
    const touched = Math.max(this.#touchedAt(event.at, timestamp), row?.timestamp ?? 0)
    this.#histories.put(tripId, { value: next, timestamp: touched })
  }

  /** By the events' time, as stream time is. An event ahead of it keeps the history no longer than its record's time says. */
  #touchedAt(at: number, recordTimestamp: number): number {
    const streamTime = this.#context.currentStreamTimeMs()
    return at <= streamTime ? at : Math.max(streamTime, Math.min(at, recordTimestamp))
  }
}

/** trip.*, read with a device clock -> store trip-history. To be called before the table trip-state is built (invariant 1). */
export function buildTripHistory(events: KStream<string, TripEvent>, retentionMs: number): void {
  events.process(() => new TripHistoryTracker(), { name: TRACK, stores: [tripHistoryStore(retentionMs)] })
}

/** The store trip-state is not there yet when the histories are added. */
export function connectTripHistory(topology: Topology): void {
  topology.connectProcessorAndStateStores(TRACK, [TRIP_STATE_STORE])
}
