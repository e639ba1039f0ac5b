import { type DeadLetter, letterName, placeName, reasonOf } from '../../streams/dead-letters/dead-letter.ts'
import type { LetterSource, Letters } from '../../streams/dead-letters/latest-letters.ts'
import type { DashboardSection } from './application.ts'
import type { ClusterShares } from './cluster-shares.ts'
import type { SectionSource } from './live-feed.ts'
import type { LetterRow, LetterSummary } from './sections/index.ts'

export interface SectionSources {
  readonly shares: ClusterShares
  /** The application's sections. */
  readonly sections: readonly DashboardSection[]
  /** null: the letters cannot be read here. */
  readonly letters: LetterSource | null
}

const SECOND = 1000

/** Lists the sections of the dashboard in addition to the flow, and how often each is read. */
export function dashboardSections({ shares, sections, letters }: SectionSources): readonly SectionSource[] {
  return [
    ...sections.map((section) => ({
      name: section.name,
      everyMs: section.everyMs,
      read: () => shares.merged(section),
    })),
    { name: 'tasks', everyMs: SECOND, read: () => shares.tasks() },
    { name: 'rates', everyMs: SECOND, read: () => shares.rates() },
    {
      name: 'letters',
      everyMs: 3 * SECOND,
      read: async () => (letters === null ? NO_LETTERS : summaryOf(await letters.latest())),
      rest: async () => letters?.rest(),
    },
  ]
}

const NO_LETTERS: LetterSummary = { count: 0, byReason: [], isComplete: true, latest: [] }

function summaryOf({ latest, byReason, ...rest }: Letters): LetterSummary {
  return {
    ...rest,
    byReason: byReason.slice(0, REASONS_SHOWN).map(([reason, count]) => [cut(reason, KEY_SHOWN), count]),
    latest: latest.map(letterRow),
  }
}

const REASONS_SHOWN = 20
const KEY_SHOWN = 200
const MESSAGE_SHOWN = 400

function letterRow(letter: DeadLetter): LetterRow {
  const { timestamp, key, source, message } = letter
  return {
    letter: letterName(letter),
    diedAt: timestamp,
    source: source === null ? null : placeName(source),
    key: key === null ? null : cut(key.subarray(0, KEY_SHOWN * 4).toString('utf8'), KEY_SHOWN),
    reason: cut(reasonOf(letter), KEY_SHOWN),
    message: cut(message, MESSAGE_SHOWN),
  }
}

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length)}…` : text)
