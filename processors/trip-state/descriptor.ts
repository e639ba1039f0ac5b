import { TABLE_RULE } from '../../topology/index.ts'
import { needed, type RideProcessor } from '../ride-processor.ts'
import { TRIP_STATE_STORE, TRIP_STATE_TOPIC } from '../topics.ts'
import { docs } from './docs.ts'
import { buildTripState } from './trip-state.ts'

export const tripState: RideProcessor<'trip-state'> = {
  name: 'trip-state',
  needs: [],
  output: {
    topic: TRIP_STATE_TOPIC,
    key: 'tripId',
    partitions: { sameAs: 'trip.requested' },
    kept: 'last-rows',
    meaning: 'the state of a trip after all of its events',
    rule: TABLE_RULE,
  },
  stores: { [TRIP_STATE_STORE]: TABLE_RULE },
  build(rides) {
    rides.trips = buildTripState(needed(rides.events, TRIP_STATE_STORE))
  },
  fold: 'own',
  docs,
}
