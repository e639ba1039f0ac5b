import { badRequest, decodeCursor, encodeCursor, HttpError, type Page } from '../../infra/http/index.ts'
import { type Span, scanSpans, spansOf } from '../../infra/streams/topics/index.ts'
import type { CellDemand } from '../../processors/cell-demand/cell-demand.ts'
import { CELL_DEMAND_TOPIC } from '../../processors/topics.ts'
import { InvalidRecordError, RetriableError } from '../../state/index.ts'
import { readOutput } from '../events/read-output.ts'
import type { TopicLog } from '../topics/topic-log.ts'
import { Turns } from './turns.ts'

/** Most records that one page reads, however few of them match. */
const MOST_READ = 50_000
/** A page without an answer of the brokers for so long ends with what it has, ms. */
const PATIENCE_MS = 5000
/** Pages that wait for the one that is read. */
const MOST_WAITING = 3

export interface ClosedDemandQuery {
  readonly limit: number
  readonly cursor: string | undefined
  /** Begin of the window, epoch ms, inclusive. */
  readonly from: number | undefined
  /** Inclusive. */
  readonly to: number | undefined
  readonly cell: string | null
}

/** The part of a page that was read from one partition. */
interface Part {
  /** Matching rows, each with the offset behind it. */
  readonly rows: readonly { readonly row: CellDemand; readonly next: number }[]
  /** Offset up to which it was read. */
  readonly position: number
  readonly isRead: boolean
  /** Begin of the last window that was read, while there is more. */
  readonly seen: string
}

/*
 * Pages of the demand in windows that are closed, read from their topic: a store of all of them would cost every window one more row.
 * 1. Windows close by time, so a partition holds them nearly by time. A page takes the rows of each partition in their order.
 * 2. A cursor holds the offset of each partition at which the next page begins: no row comes twice, and none is left out.
 * 3. One page is read at a time, from at most MOST_READ records.
 */
export class ClosedDemand {
  readonly #open: () => TopicLog
  readonly #turns = new Turns(MOST_WAITING)

  constructor(open: () => TopicLog) {
    this.#open = open
  }

  /** @throws MissingTopicError; HttpError 400 for a cursor of another list, 503 when too many wait or brokers do not answer */
  page(query: ClosedDemandQuery): Promise<Page<CellDemand>> {
    const begin = query.cursor === undefined ? null : offsetsOf(query.cursor)
    return this.#turns.take(async () => {
      const log = this.#open()
      try {
        const spans = await begins(log, begin, query.from)
        const parts: Part[] = []
        for (const span of spans) parts.push(await readPart(log, span, query, Math.floor(MOST_READ / spans.length)))
        return merged(parts, query.limit)
      } catch (error) {
        if (!(error instanceof RetriableError)) throw error
        throw new HttpError(503, error.code, `${CELL_DEMAND_TOPIC} cannot be read now: ${error.message}`)
      } finally {
        await log.close()
      }
    })
  }
}

/** Where each partition is read: from the cursor, or from the first record that may have a window of the range. */
async function begins(
  { admin, offsetsForTime }: TopicLog,
  cursor: readonly number[] | null,
  from: number | undefined,
): Promise<readonly Span[]> {
  const spans = await spansOf(admin, [CELL_DEMAND_TOPIC])
  if (cursor !== null) return spans.map((span, index) => ({ ...span, from: Math.max(span.from, cursor[index] ?? 0) }))
  if (from === undefined || from <= 0) return spans
  // The time of a record is that of an event in its window.
  const first = await offsetsForTime(spans, from)
  return spans.map((span, index) => {
    const offset = first[index] ?? -1
    return { ...span, from: offset < 0 ? span.to : Math.max(span.from, offset) }
  })
}

async function readPart(log: TopicLog, span: Span, query: ClosedDemandQuery, most: number): Promise<Part> {
  const { limit, cell, from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = query
  const rows: { row: CellDemand; next: number }[] = []
  let [read, position, seen, isRead] = [0, span.from, '', span.from >= span.to]
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const { admin, reader } = log
  scan: for await (const part of scanSpans({ admin, reader, spans: [span], openTransactions: 'stop', signal })) {
    for (const { value, offset } of part.records) {
      const row = value === null ? null : demandIn(value)
      position = offset + 1
      read++
      if (row !== null) {
        seen = row.windowStart
        const start = Date.parse(row.windowStart)
        if ((cell === null || row.cell === cell) && start >= from && start <= to) rows.push({ row, next: position })
      }
      if (rows.length >= limit || read >= most) break scan
    }
    position = part.position
    isRead = part.isLast
  }
  return { rows, position, isRead, seen }
}

function merged(parts: readonly Part[], limit: number): Page<CellDemand> {
  const taken = parts.map(() => 0)
  const rows: CellDemand[] = []
  while (rows.length < limit) {
    const next = nextPart(parts, taken)
    const head = parts[next]?.rows[taken[next] ?? 0]
    if (head === undefined) break
    rows.push(head.row)
    taken[next] = (taken[next] ?? 0) + 1
  }
  const isAll = parts.every(({ rows: found, isRead }, i) => isRead && taken[i] === found.length)
  // Records before the first row that is left were read, and hold nothing.
  const next = parts.map(({ rows: found, position }, i) => (found[taken[i] ?? 0]?.next ?? position + 1) - 1)
  return { rows, nextCursor: isAll ? null : encodeCursor(LIST, next.join()) }
}

/** The part whose next row has the earliest window; -1: there is none, or one that was not read to its end may have an earlier one. */
function nextPart(parts: readonly Part[], taken: readonly number[]): number {
  let [best, earliest] = [-1, LAST]
  for (const [i, { rows, isRead, seen }] of parts.entries()) {
    const head = rows[taken[i] ?? 0]
    const begin = head?.row.windowStart ?? (isRead ? LAST : seen)
    if (begin < earliest) [best, earliest] = [head === undefined ? -1 : i, begin]
  }
  return best
}

const LIST = 'closed-demand'
/** Behind every time. */
const LAST = '~'

function offsetsOf(cursor: string): readonly number[] {
  const text = decodeCursor(LIST, cursor)
  if (!/^\d{1,15}(,\d{1,15})*$/.test(text)) throw badRequest('this list did not give out that cursor')
  return text.split(',').map(Number)
}

/** null: another program wrote it. */
function demandIn(value: Buffer): CellDemand | null {
  try {
    return readOutput(CELL_DEMAND_TOPIC, value)
  } catch (error) {
    if (error instanceof InvalidRecordError) return null
    throw error
  }
}
