import type { HourlyRevenue } from '../../../processors/hourly-revenue.ts'
import type { StreamsInstance } from '../../../runtime/ports/instance.ts'
import { type DeadLetter, letterName, placeName } from '../../dlq/dead-letter.ts'
import type { RideViews } from '../views.ts'
import type { SectionSource } from './live-feed.ts'
import type { LetterRow, RevenueHours, SectionName } from './sections.ts'
import { StoreSweep } from './store-sweep.ts'
import { CellTally, TripTally } from './tallies.ts'

/** The newest dead letters. */
export interface LetterSource {
  /** Newest first. */
  latest(): Promise<readonly DeadLetter[]>
  /** Lets go of connections until the next call. */
  rest(): Promise<void>
}

export interface DashboardSources {
  readonly instance: StreamsInstance
  readonly views: RideViews
  /** null: nobody can read them here. */
  readonly letters: LetterSource | null
}

const SECOND = 1000
/** 31 days. */
const HOURS_SHOWN = 744

/** What the dashboard shows beside the flow, and how often it is read. */
export function dashboardSections({ instance, views, letters }: DashboardSources): readonly SectionSource[] {
  const { trips, drivers, revenue } = views
  const tripSweep = new StoreSweep({ instance, store: trips.store, newTally: () => new TripTally(trips.view) })
  const cellSweep = new StoreSweep({ instance, store: drivers.store, newTally: () => new CellTally(drivers.view) })
  const readHours = async (): Promise<RevenueHours> => {
    const { result } = await instance.scan(revenue.store, { limit: HOURS_SHOWN, reverse: true })
    return { hours: result.map(([key, stored]) => hourRow(revenue.view(String(key), stored))).reverse() }
  }
  return [
    section({ name: 'trips', everyMs: SECOND, read: () => tripSweep.step() }),
    section({ name: 'cells', everyMs: SECOND, read: () => cellSweep.step() }),
    section({ name: 'revenue', everyMs: 2 * SECOND, read: readHours }),
    section({
      name: 'tasks',
      everyMs: SECOND,
      read: async () => [{ instance: 'this instance', tasks: await instance.tasks(), problem: null }],
    }),
    section({
      name: 'letters',
      everyMs: 3 * SECOND,
      read: async () => (letters === null ? [] : (await letters.latest()).map(letterRow)),
      rest: async () => letters?.rest(),
    }),
  ]
}

/** Keeps name and data together, which a list of all sections forgets. */
function section<N extends SectionName>(source: SectionSource<N>): SectionSource {
  return source
}

function hourRow({ hour, revenue, trips }: HourlyRevenue): RevenueHours['hours'][number] {
  // An amount beyond 2^53 is a raw JSON text; for a chart its nearest double is good enough.
  return [Date.parse(hour) / 1000, Number(JSON.stringify(revenue)), trips]
}

const KEY_SHOWN = 200
const MESSAGE_SHOWN = 400

function letterRow(letter: DeadLetter): LetterRow {
  const { timestamp, key, source, exception, message } = letter
  return {
    letter: letterName(letter),
    diedAt: timestamp,
    source: source === null ? null : placeName(source),
    key: key === null ? null : cut(key.subarray(0, KEY_SHOWN * 4).toString('utf8'), KEY_SHOWN),
    exception: cut(exception, KEY_SHOWN),
    message: cut(message, MESSAGE_SHOWN),
  }
}

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length)}…` : text)
