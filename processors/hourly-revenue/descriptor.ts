import { jsonOf, sumsRule } from '../replay-rule.ts'
import { needed, type RideProcessor, tripSums } from '../ride-processor.ts'
import { HOURLY_REVENUE_STORE, HOURLY_REVENUE_TOPIC } from '../topics.ts'
import { docs } from './docs.ts'
import {
  addTrip,
  buildHourlyRevenue,
  centsSerde,
  EMPTY_HOUR,
  type HourlyRevenue,
  hourAndFare,
  hourlyRevenueOf,
  hourTotalSerde,
  removeTrip,
} from './hourly-revenue.ts'

const EMPTY_ROW = Buffer.from(String(hourTotalSerde.serialize('', EMPTY_HOUR)))

export const hourlyRevenue: RideProcessor = {
  output: {
    topic: HOURLY_REVENUE_TOPIC,
    key: 'hour',
    partitions: 3,
    kept: 'last-rows',
    meaning: 'revenue and number of the trips completed in that hour',
    rule: sumsRule((value) => jsonOf<HourlyRevenue>(value).trips === 0),
  },
  stores: { [HOURLY_REVENUE_STORE]: sumsRule((value) => value.equals(EMPTY_ROW)) },
  build: ({ trips }) => buildHourlyRevenue(needed(trips, HOURLY_REVENUE_STORE)),
  sums: tripSums({
    output: HOURLY_REVENUE_TOPIC,
    partOf: hourAndFare,
    add: addTrip,
    remove: removeTrip,
    empty: EMPTY_HOUR,
    isEmpty: ({ trips }) => trips === 0,
    totalSerde: hourTotalSerde,
    partSerde: centsSerde,
    view: hourlyRevenueOf,
  }),
  docs,
}
