import type { RideProcessor } from '../ride-processor.ts'
import { TRIP_FUNNEL_STORE, TRIP_FUNNEL_TOPIC } from '../topics.ts'
import { tripSumsProcessor } from '../trip-sums.ts'
import { docs } from './docs.ts'
import { funnelPartSerde, funnelParts } from './funnel-parts.ts'
import {
  addToFunnel,
  EMPTY_FUNNEL,
  type Funnel,
  type FunnelPart,
  funnelSerde,
  hourAndFunnel,
  removeFromFunnel,
  type TripFunnel,
  tripFunnelOf,
} from './trip-funnel.ts'

export const tripFunnel: RideProcessor<'trip-funnel'> = {
  name: 'trip-funnel',
  ...tripSumsProcessor<Funnel, FunnelPart, TripFunnel>({
    store: TRIP_FUNNEL_STORE,
    output: TRIP_FUNNEL_TOPIC,
    key: 'hour',
    partitions: 3,
    meaning: 'the stages that the trips requested in that hour reached',
    partOf: hourAndFunnel,
    add: addToFunnel,
    remove: removeFromFunnel,
    empty: EMPTY_FUNNEL,
    isEmpty: ({ requested }) => requested === 0,
    totalSerde: funnelSerde,
    partSerde: funnelPartSerde,
    parts: funnelParts,
    view: tripFunnelOf,
    docs,
  }),
}
