import type { Serde } from '../../topology/index.ts'
import { JsonText } from '../json-text.ts'
import type { Trip } from './trip.ts'
import { showTrip } from './trip-view.ts'

/** A trip on its way to the topic trip.state. */
export interface KeyedTrip {
  readonly tripId: string
  readonly trip: Trip
}

/** For the sink of trip.state only: topics of states are read by others. The text is JSON.stringify(tripStateOf(tripId, trip)). */
export function tripStateSerde(): Serde<KeyedTrip> {
  const text = new JsonText()
  return {
    serialize(_topic, { tripId, trip }) {
      showTrip(text, tripId, trip)
      return text.take()
    },
    deserialize(topic): never {
      throw new TypeError(`the topology cannot read states of trips (topic ${topic}): it only writes them`)
    },
  }
}
