import type { RideProcessor } from '../../processors/ride-processor.ts'
import { statusOf } from '../../processors/trip-state/trip.ts'
import { tripSumsProcessor } from '../../processors/trip-sums.ts'
import { serdes } from '../../topology/index.ts'

interface Trips {
  readonly trips: number
}

/** A processor that the application does not have: new-processor.test.ts adds it. */
export const tripsByStatus: RideProcessor<'trips-by-status'> = {
  name: 'trips-by-status',
  ...tripSumsProcessor<Trips, number, Trips>({
    store: 'trips-by-status',
    output: 'trips.by_status',
    key: 'status',
    partitions: 3,
    meaning: 'how many trips are in that status',
    partOf: (trip) => [statusOf(trip), 1],
    add: ({ trips }, part) => ({ trips: trips + part }),
    remove: ({ trips }, part) => ({ trips: trips - part }),
    parts: { none: () => 0, add: (sum, part) => sum + part, subtract: (sum, part) => sum - part },
    empty: { trips: 0 },
    isEmpty: ({ trips }) => trips === 0,
    totalSerde: serdes.json<Trips>(),
    partSerde: serdes.json<number>(),
    view: (_status, total) => total,
    docs: 'How many trips are in each status now.',
  }),
}
