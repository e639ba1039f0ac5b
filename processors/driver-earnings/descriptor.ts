import { FARE_SUMS, type HourTotal } from '../hourly-revenue/hourly-revenue.ts'
import type { RideProcessor } from '../ride-processor.ts'
import { DRIVER_EARNINGS_STORE, DRIVER_EARNINGS_TOPIC, DRIVER_TOPIC } from '../topics.ts'
import { tripSumsProcessor } from '../trip-sums.ts'
import { docs } from './docs.ts'
import { type DriverEarnings, driverDayAndFare, driverEarningsOf } from './driver-earnings.ts'

export const driverEarnings: RideProcessor<'driver-earnings'> = {
  name: 'driver-earnings',
  ...tripSumsProcessor<HourTotal, HourTotal, DriverEarnings>({
    store: DRIVER_EARNINGS_STORE,
    output: DRIVER_EARNINGS_TOPIC,
    key: 'driverId|day',
    partitions: { sameAs: DRIVER_TOPIC },
    meaning: 'what a driver earned on a UTC day so far',
    partOf: driverDayAndFare,
    ...FARE_SUMS,
    view: driverEarningsOf,
    docs,
  }),
}
