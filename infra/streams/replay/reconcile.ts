import type { LogAdmin, LogReader, LogRecord } from '../../../runtime/ports/log.ts'
import type { Headers } from '../../../state/ports/headers.ts'
import { NO_HEADERS } from '../../../state/ports/headers.ts'
import { KEPT_NUMBERS_KEY } from '../../../state/stores/kept-numbers.ts'
import { type ReplayRule, TABLE_RULE } from '../../../topology/replay-rule.ts'
import { type Span, scanSpans } from '../topics/log-scan.ts'
import type { RowTable } from './row-table.ts'

/** A row to write. */
export interface Correction {
  readonly key: Buffer
  /** null: the row is to be deleted. */
  readonly value: Buffer | null
  /** Epoch ms; null: no record of the input caused it. */
  readonly timestamp: number | null
  readonly headers: Headers
  /** The value that the topic held. */
  readonly found: Buffer | null
  /** False for one that is right as it is and written because all are, and for the numbers kept with a store. */
  readonly differs: boolean
}

export interface ReconcileOptions {
  readonly admin: LogAdmin
  readonly reader: LogReader
  /** The topic's partition, as a whole. */
  readonly span: Span
  readonly rebuilt: RowTable
  readonly rule: ReplayRule
  /** Rows that are right, too. */
  readonly all: boolean
  readonly onProgress: (passed: number) => void
}

/*
 * The rows of one topic partition that must be written so that its last values are the rebuilt ones.
 * 1. Only rows that differ are held, of the others the key.
 * 2. Values count, timestamps do not: those of sums depend on how records of several partitions fell between each other.
 */
export async function* reconcile(options: ReconcileOptions): AsyncGenerator<Correction> {
  const { admin, reader, span, rebuilt, rule, all, onProgress } = options
  let isGone = span.from > 0
  const right = new Set<string>()
  const odd = new Map<string, Buffer | null>()
  const correct = (key: string, found: Buffer | null): Omit<Correction, 'key'> | null => {
    const row = rebuilt.get(key)
    // The numbers that operators keep with a store depend on how records of several partitions fell between each other.
    const isKept = key === KEPT
    const value = (isKept ? TABLE_RULE : rule).correction({ rebuilt: row?.value ?? null, found, isGone })
    if (value === undefined) return null
    const { timestamp, headers } = value === null || row === null ? NO_ROW : row
    return { value, timestamp, headers, found, differs: !isKept }
  }
  const take = ({ key, value }: LogRecord): void => {
    if (key === null) return
    const name = key.toString('latin1')
    if (correct(name, value) === null) {
      right.add(name)
      odd.delete(name)
    } else {
      // A copy: the record is a view into the whole answer.
      odd.set(name, value === null ? null : Buffer.from(value))
      right.delete(name)
    }
  }
  for await (const { records, passed, hasLost } of scanSpans({ reader, spans: [span], admin })) {
    isGone ||= hasLost
    records.forEach(take)
    onProgress(passed)
  }
  for (const [name, found] of odd) {
    const correction = correct(name, found)
    if (correction !== null) yield { key: Buffer.from(name, 'latin1'), ...correction }
  }
  for await (const [name, row] of rebuilt.rows()) {
    if (odd.has(name)) continue
    const isRight = right.has(name)
    const correction = isRight ? null : correct(name, null)
    const key = Buffer.from(name, 'latin1')
    if (correction !== null) yield { key, ...correction }
    else if (isRight && all && rule.isTable) yield { key, ...row, found: row.value, differs: false }
  }
}

const KEPT = KEPT_NUMBERS_KEY.toString('latin1')
const NO_ROW = { timestamp: null, headers: NO_HEADERS }
