import { jsonOf, sumsRule } from '../replay-rule.ts'
import { needed, type RideProcessor, tripSums } from '../ride-processor.ts'
import { TRIP_FUNNEL_STORE, TRIP_FUNNEL_TOPIC } from '../topics.ts'
import { docs } from './docs.ts'
import {
  addToFunnel,
  buildTripFunnel,
  EMPTY_FUNNEL,
  funnelSerde,
  funnelTripSerde,
  hourAndFunnel,
  removeFromFunnel,
  type TripFunnel,
  tripFunnelOf,
} from './trip-funnel.ts'

const EMPTY_ROW = Buffer.from(String(funnelSerde.serialize('', EMPTY_FUNNEL)))

export const tripFunnel: RideProcessor = {
  output: {
    topic: TRIP_FUNNEL_TOPIC,
    key: 'hour',
    partitions: 3,
    kept: 'last-rows',
    meaning: 'how far the trips requested in that hour got',
    rule: sumsRule((value) => jsonOf<TripFunnel>(value).requested === 0),
  },
  stores: { [TRIP_FUNNEL_STORE]: sumsRule((value) => value.equals(EMPTY_ROW)) },
  build: ({ trips }) => buildTripFunnel(needed(trips, TRIP_FUNNEL_STORE)),
  sums: tripSums({
    output: TRIP_FUNNEL_TOPIC,
    partOf: hourAndFunnel,
    add: addToFunnel,
    remove: removeFromFunnel,
    empty: EMPTY_FUNNEL,
    isEmpty: ({ requested }) => requested === 0,
    totalSerde: funnelSerde,
    partSerde: funnelTripSerde,
    view: tripFunnelOf,
  }),
  docs,
}
