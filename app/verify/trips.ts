import type { Mark, TripEvent } from '../../processors/events/ride-event.ts'
import { isLater } from '../../processors/events/ride-event.ts'
import { TRIP_STATE_TOPIC } from '../../processors/topics.ts'
import { tripSerde } from '../../processors/trip-state/trip-serde.ts'
import { applyTripEvent, NO_TRIP, type Trip, tripStateOf } from '../../processors/trip-state/trip-state.ts'
import type { Differences } from './differences.ts'
import { LatestValues } from './latest-values.ts'

/** Is a record of that topic possibly gone from the partition at hand? */
export type GoneTopics = (topic: string) => boolean

/*
 * The trips of one partition, from its events: what the store and trip.state should hold.
 * 1. Events first, then the store, then the output.
 * 2. Where retention has removed events of a type, the store may know a later event of that type than is left: it is
 *    believed and counts as unjudged. Of all other types it must hold exactly what the events say.
 */
export class TripFold {
  readonly trips = new Map<string, Trip>()
  readonly #changelog: string
  readonly #isGone: GoneTopics

  constructor(changelog: string, isGone: GoneTopics) {
    this.#changelog = changelog
    this.#isGone = isGone
  }

  add(event: TripEvent): void {
    const { tripId } = event.data
    this.trips.set(tripId, applyTripEvent(this.trips.get(tripId) ?? NO_TRIP, event))
  }

  store(): LatestValues {
    return new LatestValues({
      topic: this.#changelog,
      expected: (tripId) => this.#text(this.trips.get(tripId)),
      canonical: (bytes) => tripSerde.serialize('', tripSerde.deserialize('', bytes)),
    })
  }

  reportStore(rows: LatestValues, differences: Differences): void {
    rows.report(differences, this.trips.keys(), (tripId, found) => {
      const believed = found === null ? null : this.#believe(this.trips.get(tripId) ?? NO_TRIP, found)
      if (believed === null) return false
      this.trips.set(tripId, believed)
      if (this.#text(believed) !== found) return false
      differences.unjudged(this.#changelog)
      return true
    })
  }

  output(): LatestValues {
    return new LatestValues({
      topic: TRIP_STATE_TOPIC,
      expected: (tripId) => {
        const trip = this.trips.get(tripId)
        return trip === undefined ? null : JSON.stringify(tripStateOf(tripId, trip))
      },
      canonical: (bytes) => bytes,
    })
  }

  /** The trip, with what the store knows of events that may be gone; null when nothing is known of it. */
  #believe(trip: Trip, found: string): Trip | null {
    let stored: Trip
    try {
      stored = tripSerde.deserialize('', Buffer.from(found))
    } catch {
      // Not a trip at all: the difference shows the bytes.
      return null
    }
    const pick = <T extends Mark>(topic: string, left: T | null, kept: T | null): T | null =>
      this.#isGone(topic) && kept !== null && (left === null || isLater(kept, left)) ? kept : left
    const believed = {
      requested: pick('trip.requested', trip.requested, stored.requested),
      accepted: pick('trip.accepted', trip.accepted, stored.accepted),
      started: pick('trip.started', trip.started, stored.started),
      cancelled: pick('trip.cancelled', trip.cancelled, stored.cancelled),
      completed: pick('trip.completed', trip.completed, stored.completed),
    }
    return Object.values(believed).some((kept) => kept !== null) ? believed : null
  }

  #text(trip: Trip | undefined): string | null {
    return trip === undefined ? null : String(tripSerde.serialize('', trip))
  }
}
