import { type DeadLetter, letterName, placeName } from '../../streams/dead-letters/dead-letter.ts'
import type { RideViews } from '../views.ts'
import type { ClusterShares } from './cluster-shares.ts'
import type { SectionSource } from './live-feed.ts'
import { HOURS_SHOWN } from './local-share.ts'
import type { LetterRow, RevenueHours, SectionName } from './sections.ts'
import { mergeCells, mergeTrips } from './tallies.ts'

/** The newest dead letters. */
export interface LetterSource {
  /** Newest first. */
  latest(): Promise<readonly DeadLetter[]>
  /** Lets go of connections until the next call. */
  rest(): Promise<void>
}

export interface SectionSources {
  readonly shares: ClusterShares
  readonly views: RideViews
  /** null: nobody can read them here. */
  readonly letters: LetterSource | null
}

const SECOND = 1000

/** What the dashboard shows beside the flow, and how often it is read. */
export function dashboardSections({ shares, views, letters }: SectionSources): readonly SectionSource[] {
  const { trips, drivers, revenue } = views
  return [
    section({
      name: 'trips',
      everyMs: SECOND,
      read: async () => mergeTrips(await shares.parts(trips.store, (share) => share.trips)),
    }),
    section({
      name: 'cells',
      everyMs: SECOND,
      read: async () => mergeCells(await shares.parts(drivers.store, (share) => share.cells)),
    }),
    section({
      name: 'revenue',
      everyMs: 2 * SECOND,
      read: async () => mergeHours(await shares.parts(revenue.store, (share) => share.revenue)),
    }),
    section({ name: 'tasks', everyMs: SECOND, read: () => shares.tasks() }),
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

function mergeHours(parts: readonly RevenueHours[]): RevenueHours {
  const hours = parts.flatMap((part) => part.hours).sort(([a], [b]) => a - b)
  return { hours: hours.slice(-HOURS_SHOWN) }
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
