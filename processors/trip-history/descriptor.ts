import { TABLE_RULE } from '../../topology/index.ts'
import { needed, type RideProcessor } from '../ride-processor.ts'
import { TRIP_HISTORY_STORE } from '../topics.ts'
import { buildTripHistory, connectTripHistory } from './build-trip-history.ts'
import { docs } from './docs.ts'

export const tripHistory: RideProcessor<'trip-history'> = {
  name: 'trip-history',
  needs: ['trip-state'],
  buildsBefore: 'trip-state',
  readsTripTime: true,
  output: null,
  stores: { [TRIP_HISTORY_STORE]: TABLE_RULE },
  build: ({ events, tripHistoryRetentionMs }) =>
    buildTripHistory(needed(events, TRIP_HISTORY_STORE), tripHistoryRetentionMs),
  connect: connectTripHistory,
  fold: 'own',
  docs,
}
