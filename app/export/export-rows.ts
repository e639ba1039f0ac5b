import { type Span, scanSpans, spansOf } from '../../infra/streams/topics/index.ts'
import type { LogAdmin, LogReader, LogRecord } from '../../runtime/index.ts'
import type { Cell } from './columns.ts'
import type { ExportTable } from './tables.ts'

export interface ExportRowsOptions {
  readonly admin: LogAdmin
  readonly reader: LogReader
  readonly table: ExportTable
  /** Event time, epoch ms, inclusive. */
  readonly from?: number | undefined
  /** Event time, epoch ms, exclusive. */
  readonly to?: number | undefined
  /** Every record of a table, not the last one of each key. */
  readonly history?: boolean | undefined
  readonly onProgress?: ((done: number, all: number) => void) | undefined
}

/** Rows that were read together. */
export interface ExportedRows {
  readonly rows: readonly (readonly Cell[])[]
  /** Records that are dead letters. */
  readonly invalid: number
}

/**
 * The rows that the topic of a table holds now, committed ones only, by partition and offset. Of a table, it reads every partition
 * twice: first for the offset of each key's last record, then for the rows. So it holds the keys of one partition, and no rows.
 * Throws MissingTopicError, ReadStalledError.
 */
export async function* exportRows(options: ExportRowsOptions): AsyncGenerator<ExportedRows, void, undefined> {
  const { admin, reader, table, history = false, onProgress } = options
  const spans = await spansOf(admin, [table.topic])
  const isLast = table.kind === 'table' && !history
  const all = spans.reduce((sum, { from, to }) => sum + (to - from), 0) * (isLast ? 2 : 1)
  const inRange = rangeOf(options)
  let done = 0
  const read = (span: Span) =>
    scanSpans({ reader, admin, spans: [span], onProgress: (passed) => onProgress?.(done + passed, all) })
  for (const span of spans) {
    const size = span.to - span.from
    let last: Map<string, number> | null = null
    if (isLast) {
      last = new Map()
      for await (const { records } of read(span)) for (const { key, offset } of records) last.set(keyOf(key), offset)
      done += size
    }
    for await (const { records } of read(span)) {
      const rows: (readonly Cell[])[] = []
      let invalid = 0
      for (const record of records) {
        if (last !== null && last.get(keyOf(record.key)) !== record.offset) continue
        if (table.isBeside?.(record) === true) continue
        if (record.value === null && record.failure === undefined && table.kind === 'table') continue
        const row = record.failure === undefined ? table.read(record) : null
        if (row === null) invalid++
        else if (inRange(row, record)) rows.push(row)
      }
      if (rows.length > 0 || invalid > 0) yield { rows, invalid }
    }
    done += size
  }
}

function keyOf(key: Buffer | null): string {
  return key === null ? 'null' : `=${key.toString('latin1')}`
}

function rangeOf({ table, from, to }: ExportRowsOptions): (row: readonly Cell[], record: LogRecord) => boolean {
  if (from === undefined && to === undefined) return () => true
  const column = table.columns.findIndex(({ name }) => name === table.time)
  return (row, { timestamp }) => {
    const at = column < 0 ? timestamp : Date.parse(String(row[column]))
    return at >= (from ?? Number.NEGATIVE_INFINITY) && at < (to ?? Number.POSITIVE_INFINITY)
  }
}
