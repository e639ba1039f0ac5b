import type { HourlyRevenue } from '../../../processors/hourly-revenue/hourly-revenue.ts'
import { isUnavailable, type StreamsInstance } from '../../../runtime/ports/instance.ts'
import { StreamsError } from '../../../state/ports/errors.ts'
import type { RideViews } from '../views.ts'
import { atMostEvery } from './at-most-every.ts'
import type { CellCounts, Counted, RevenueHours, SectionData, TaskRow, TripCounts } from './sections.ts'
import { StoreSweep } from './store-sweep.ts'
import { CellTally, TripTally } from './tallies.ts'

/** One instance's part of what all of them show together. */
export interface Share {
  readonly trips: SectionData<Counted<TripCounts>>
  readonly cells: SectionData<Counted<CellCounts>>
  readonly revenue: SectionData<RevenueHours>
  readonly tasks: SectionData<readonly TaskRow[]>
}

/** 31 days. */
export const HOURS_SHOWN = 744

const EVERY_MS = 900
/** Up to 744 rows, and they change slowly. */
const HOURS_EVERY_MS = 1900

/*
 * Owns the readings of this process' own stores and tasks, for its own dashboard and those of the other instances.
 * 1. However many ask: at most about one reading a second, which all of them share.
 */
export class LocalShare {
  readonly read: () => Promise<Share>

  constructor(instance: StreamsInstance, { trips, drivers, revenue }: RideViews) {
    const tripSweep = new StoreSweep({ instance, store: trips.store, newTally: () => new TripTally(trips.view) })
    const cellSweep = new StoreSweep({ instance, store: drivers.store, newTally: () => new CellTally(drivers.view) })
    const readHours = atMostEvery(HOURS_EVERY_MS, async (): Promise<RevenueHours> => {
      const partitions = localPartitions(instance, revenue.store)
      if (partitions.length === 0) return { hours: [] }
      const { result } = await instance.scan(revenue.store, { partitions, limit: HOURS_SHOWN, reverse: true })
      return { hours: result.map(([key, stored]) => hourRow(revenue.view(String(key), stored))).reverse() }
    })
    this.read = atMostEvery(EVERY_MS, async (): Promise<Share> => {
      const [tripPart, cellPart, hourPart, taskPart] = await Promise.all([
        part(() => tripSweep.step()),
        part(() => cellSweep.step()),
        part(readHours),
        part(() => instance.tasks()),
      ])
      return { trips: tripPart, cells: cellPart, revenue: hourPart, tasks: taskPart }
    })
  }
}

/** What a failure that is part of life reads like; others are thrown on. */
async function part<T>(read: () => Promise<T>): Promise<SectionData<T>> {
  try {
    return { data: await read(), problem: null }
  } catch (error) {
    if (isUnavailable(error)) return { data: null, problem: 'stores are being restored or moved' }
    // By code: errors that come from a worker have lost their class.
    if (error instanceof StreamsError && error.code === 'NO_SUCH_STORE') {
      return { data: null, problem: 'not computed here: PROCESSORS leaves it out' }
    }
    throw error
  }
}

function localPartitions(instance: StreamsInstance, store: string): number[] {
  const here = instance.streamsMetadataForStore(store).filter(({ active }) => active?.isLocal === true)
  return here.map(({ partition }) => partition)
}

function hourRow({ hour, revenue, trips }: HourlyRevenue): RevenueHours['hours'][number] {
  // An amount beyond 2^53 is a raw JSON text; for a chart its nearest double is good enough.
  return [Date.parse(hour) / 1000, Number(JSON.stringify(revenue)), trips]
}
