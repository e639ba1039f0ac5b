import { type Span, scanSpans, spansOf } from '../../infra/streams/topics/index.ts'
import { HOURLY_REVENUE_TOPIC } from '../../processors/topics.ts'
import type { LogAdmin, LogReader } from '../../runtime/index.ts'
import type { Cell } from './columns.ts'
import { OUTPUT_TABLES } from './tables.ts'

const HOUR_MS = 3_600_000

export interface CorrectionsOptions {
  readonly admin: LogAdmin
  readonly reader: LogReader
  /** Epoch ms. */
  readonly since: number
  readonly onProgress?: ((done: number, all: number) => void) | undefined
}

/** An hour whose revenue has changed. Amounts are texts with two decimals; null: the topic does not hold the old value any more, or there was none. */
export interface Correction {
  readonly hour: string
  readonly oldRevenue: string | null
  readonly revenue: string
  readonly oldTrips: number | null
  readonly trips: number
}

export interface Corrections {
  /** By hour. */
  readonly rows: readonly Correction[]
  /** Records that are no rows. */
  readonly invalid: number
}

interface Row {
  readonly hour: string
  readonly revenue: string
  readonly trips: number
}

/**
 * Hours that were over at `since` and have another revenue now than then. Time is that of the rows, which is that of their events: a
 * change is later than `since` when it stands behind the first row of its partition that is later. So late events count as changes
 * of the day on which they came. Throws MissingTopicError, ReadStalledError.
 */
export async function revenueCorrections(options: CorrectionsOptions): Promise<Corrections> {
  const { admin, reader, onProgress } = options
  const spans = await spansOf(admin, [HOURLY_REVENUE_TOPIC])
  const all = spans.reduce((sum, { from, to }) => sum + (to - from), 0)
  const rows: Correction[] = []
  let invalid = 0
  let done = 0
  for (const span of spans) {
    const before = done
    const found = await ofPartition(span, {
      ...options,
      reader,
      onProgress: (part) => onProgress?.(before + part, all),
    })
    rows.push(...found.rows)
    invalid += found.invalid
    done += span.to - span.from
  }
  return { rows: rows.sort((a, b) => (a.hour < b.hour ? -1 : 1)), invalid }
}

async function ofPartition(span: Span, { admin, reader, since, onProgress }: CorrectionsOptions): Promise<Corrections> {
  const table = OUTPUT_TABLES.find(({ topic }) => topic === HOURLY_REVENUE_TOPIC)
  if (table === undefined) throw new RangeError(`${HOURLY_REVENUE_TOPIC} is no table`)
  const then = new Map<string, Row>()
  const now = new Map<string, Row>()
  let isLater = false
  let invalid = 0
  for await (const { records } of scanSpans({ reader, admin, spans: [span], onProgress })) {
    for (const record of records) {
      const row = record.failure === undefined && record.value !== null ? rowOf(table.read(record)) : null
      if (row === null) {
        invalid++
        continue
      }
      isLater ||= record.timestamp > since
      if (!isLater) then.set(row.hour, row)
      now.set(row.hour, row)
    }
  }
  const rows = [...now.values()].flatMap((row): Correction[] => {
    const old = then.get(row.hour) ?? null
    const isOver = Date.parse(row.hour) + HOUR_MS <= since
    if (!isOver || (old?.revenue === row.revenue && old.trips === row.trips)) return []
    return [
      {
        hour: row.hour,
        oldRevenue: old?.revenue ?? null,
        revenue: row.revenue,
        oldTrips: old?.trips ?? null,
        trips: row.trips,
      },
    ]
  })
  return { rows, invalid }
}

function rowOf(cells: readonly Cell[] | null): Row | null {
  if (cells === null) return null
  const [hour, revenue, trips] = cells
  return { hour: String(hour), revenue: String(revenue), trips: Number(trips) }
}
