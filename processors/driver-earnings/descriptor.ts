import { addTrip, centsSerde, EMPTY_HOUR, hourTotalSerde, removeTrip } from '../hourly-revenue/hourly-revenue.ts'
import { jsonOf, sumsRule } from '../replay-rule.ts'
import { needed, type RideProcessor, tripSums } from '../ride-processor.ts'
import { DRIVER_EARNINGS_STORE, DRIVER_EARNINGS_TOPIC, DRIVER_TOPIC } from '../topics.ts'
import { docs } from './docs.ts'
import { buildDriverEarnings, type DriverEarnings, driverDayAndFare, driverEarningsOf } from './driver-earnings.ts'

const EMPTY_ROW = Buffer.from(String(hourTotalSerde.serialize('', EMPTY_HOUR)))

export const driverEarnings: RideProcessor = {
  output: {
    topic: DRIVER_EARNINGS_TOPIC,
    key: 'driverId|day',
    partitions: { sameAs: DRIVER_TOPIC },
    kept: 'last-rows',
    meaning: 'what a driver earned on a UTC day so far',
    rule: sumsRule((value) => jsonOf<DriverEarnings>(value).trips === 0),
  },
  stores: { [DRIVER_EARNINGS_STORE]: sumsRule((value) => value.equals(EMPTY_ROW)) },
  build: ({ trips }) => buildDriverEarnings(needed(trips, DRIVER_EARNINGS_STORE)),
  sums: tripSums({
    output: DRIVER_EARNINGS_TOPIC,
    partOf: driverDayAndFare,
    add: addTrip,
    remove: removeTrip,
    empty: EMPTY_HOUR,
    isEmpty: ({ trips }) => trips === 0,
    totalSerde: hourTotalSerde,
    partSerde: centsSerde,
    view: driverEarningsOf,
  }),
  docs,
}
