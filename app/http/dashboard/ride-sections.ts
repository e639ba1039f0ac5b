import { atMostEvery, type DashboardSection, localPartitions, StoreSweep } from '../../../infra/http/index.ts'
import type { HourlyRevenue } from '../../../processors/hourly-revenue/hourly-revenue.ts'
import type { RideViews } from '../ride-views.ts'
import type { RevenueHours, RideSections } from './sections.ts'
import { CellTally, mergeCells, mergeTrips, TripTally } from './tallies.ts'

const SECOND = 1000
/** 31 days. */
const HOURS_SHOWN = 744
/** Up to 744 rows, and they change slowly. */
const HOURS_EVERY_MS = 1900

/** The sections of the dashboard about rides. */
export function rideSections({ trips, drivers, revenue }: RideViews): readonly DashboardSection[] {
  return [
    section({
      name: 'trips',
      store: trips.store,
      everyMs: SECOND,
      ownPart(instance) {
        const sweep = new StoreSweep({ instance, store: trips.store, newTally: () => new TripTally(trips.view) })
        return () => sweep.step()
      },
      merge: mergeTrips,
    }),
    section({
      name: 'cells',
      store: drivers.store,
      everyMs: SECOND,
      ownPart(instance) {
        const sweep = new StoreSweep({ instance, store: drivers.store, newTally: () => new CellTally(drivers.view) })
        return () => sweep.step()
      },
      merge: mergeCells,
    }),
    section({
      name: 'revenue',
      store: revenue.store,
      everyMs: 2 * SECOND,
      ownPart: (instance) =>
        atMostEvery(HOURS_EVERY_MS, async () => {
          const partitions = localPartitions(instance, revenue.store)
          if (partitions.length === 0) return { hours: [] }
          const { result } = await instance.scan(revenue.store, { partitions, limit: HOURS_SHOWN, reverse: true })
          return { hours: result.map(([key, stored]) => hourRow(revenue.view(String(key), stored))).reverse() }
        }),
      merge: mergeHours,
    }),
  ]
}

/** Keeps the type of name and data together, which a list of all sections loses. */
function section<N extends keyof RideSections>(one: DashboardSection<RideSections[N]> & { name: N }): DashboardSection {
  return one
}

function hourRow({ hour, revenue, trips }: HourlyRevenue): RevenueHours['hours'][number] {
  // An amount beyond 2^53 is a raw JSON text; for a chart its nearest double is good enough.
  return [Date.parse(hour) / 1000, Number(JSON.stringify(revenue)), trips]
}

function mergeHours(parts: readonly RevenueHours[]): RevenueHours {
  const hours = parts.flatMap((part) => part.hours).sort(([a], [b]) => a - b)
  return { hours: hours.slice(-HOURS_SHOWN) }
}
