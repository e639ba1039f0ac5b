import type { RideProcessor } from '../ride-processor.ts'
import { HOURLY_REVENUE_STORE, HOURLY_REVENUE_TOPIC } from '../topics.ts'
import { tripSumsProcessor } from '../trip-sums.ts'
import { docs } from './docs.ts'
import { FARE_SUMS, type HourlyRevenue, type HourTotal, hourAndFare, hourlyRevenueOf } from './hourly-revenue.ts'

export const hourlyRevenue: RideProcessor<'hourly-revenue'> = {
  name: 'hourly-revenue',
  // Its subtopology has the lower number in applications that run.
  buildsBefore: 'driver-cells',
  ...tripSumsProcessor<HourTotal, HourTotal, HourlyRevenue>({
    store: HOURLY_REVENUE_STORE,
    output: HOURLY_REVENUE_TOPIC,
    key: 'hour',
    partitions: 3,
    meaning: 'revenue and number of the trips completed in that hour',
    partOf: hourAndFare,
    ...FARE_SUMS,
    view: hourlyRevenueOf,
    docs,
  }),
}
