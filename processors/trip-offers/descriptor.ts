import { type ReplayRule, TABLE_RULE } from '../../topology/index.ts'
import { driverEvents } from '../driver-cells/driver-cells.ts'
import { jsonIn, jsonOf } from '../replay-rule.ts'
import { needed, type RideProcessor } from '../ride-processor.ts'
import { instantMs } from '../time/parse-instant.ts'
import { TRIP_OFFERS_TOPIC } from '../topics.ts'
import { docs } from './docs.ts'
import { OPEN_OFFERS_STORE, type TripOffers } from './offer-gathering.ts'
import { buildTripOffers, connectTripOffers } from './trip-offers.ts'

/** An offer is true of its moment, and other drivers may be found now: a replay makes an offer only for a request that has none. */
const OFFERS: ReplayRule = {
  isTable: false,
  correction({ rebuilt, found, isGone }) {
    if (rebuilt === null || (found === null && isGone)) return undefined
    const last = found === null ? null : jsonIn<Partial<TripOffers>>(found)?.requestedAt
    const isOffered = typeof last === 'string' && instantMs(last) >= instantMs(jsonOf<TripOffers>(rebuilt).requestedAt)
    return isOffered ? undefined : rebuilt
  },
}

export const tripOffers: RideProcessor<'trip-offers'> = {
  name: 'trip-offers',
  needs: ['trip-state', 'driver-cells'],
  output: {
    topic: TRIP_OFFERS_TOPIC,
    key: 'tripId',
    partitions: { sameAs: 'trip.requested' },
    kept: 'for-retention',
    meaning: 'drivers to offer a requested trip to',
    rule: OFFERS,
  },
  stores: { [OPEN_OFFERS_STORE]: TABLE_RULE },
  readsSteps: true,
  scansDrivers: true,
  build: ({ builder, steps, driverTtlMs }) =>
    buildTripOffers(needed(steps, TRIP_OFFERS_TOPIC), driverEvents(builder), driverTtlMs),
  connect: connectTripOffers,
  fold: 'own',
  docs,
}
