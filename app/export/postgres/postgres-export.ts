import type { Client } from 'pg'
import { requireTopics } from '../../../infra/streams/topics/index.ts'
import type { LogAdmin, LogReader, TopicPartition } from '../../../runtime/index.ts'
import { partitionKey, partitionName, StreamsError } from '../../../state/index.ts'
import type { Cell } from '../columns.ts'
import { LeftOut } from '../left-out.ts'
import { quoted } from './quoted.ts'
import { creation, deletion, insertion, OFFSETS_TABLE, offsetMove, rowsJson } from './statements.ts'
import type { TargetTable } from './target-table.ts'

/** The offsets in Postgres are not those this exporter expects. Start it again, or with another schema when a topic was made anew. */
export class ExportOffsetsError extends StreamsError {
  constructor(message: string) {
    super('EXPORT_OFFSETS', message)
  }
}

export interface PostgresExportOptions {
  readonly client: Client
  readonly admin: LogAdmin
  readonly reader: LogReader
  readonly schema: string
  /** No topic may be in two of them. */
  readonly tables: readonly TargetTable[]
  /** Ends when all is exported that the topics held at the start. */
  readonly once: boolean
  readonly signal: AbortSignal
  readonly onNotice: (text: string) => void
}

interface Position extends TopicPartition {
  readonly table: TargetTable
  /** The offset in Postgres. */
  offset: number
}

/*
 * Copies topics into tables, exactly once.
 * 1. Rows and the offsets behind them are in one transaction of Postgres. A start continues at the offsets in the table.
 * 2. A transaction moves offsets only from where this exporter left them: else it is rolled back, with its rows.
 * 3. Records that are no rows are counted and told, when the transaction that passes them has ended.
 * 4. One exporter at a time works on a schema: it holds an advisory lock while its session lives. Another one waits.
 */
export async function exportToPostgres(options: PostgresExportOptions): Promise<void> {
  const leftOut = new LeftOut(options.onNotice)
  await copyAll(options, leftOut).finally(() => leftOut.tell())
}

async function copyAll(options: PostgresExportOptions, leftOut: LeftOut): Promise<void> {
  const { client, admin, reader, schema, tables, once, signal, onNotice } = options
  await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`ride-streams export ${schema}`])
  for (const statement of creation(schema, tables)) await client.query(statement)
  const positions = await positionsOf(options)
  const partitions = [...positions.values()]
  const [first, ends] = await Promise.all([admin.earliestOffsets(partitions), admin.highWatermarks(partitions)])
  const open = new Map<string, number>()
  for (const [i, at] of partitions.entries()) {
    const [start = 0, end = 0] = [first[i], ends[i]]
    if (at.offset > end) {
      throw new ExportOffsetsError(`${partitionName(at)} ends at ${end}, and the export is at ${at.offset}`)
    }
    if (at.offset < start) onNotice(`${partitionName(at)}: retention has removed the records below ${start}`)
    reader.assign(at, Math.max(start, at.offset))
    if (Math.max(start, at.offset) < end) open.set(partitionKey(at), end)
  }
  while (!signal.aborted && !(once && open.size === 0)) {
    const rows = new Map<TargetTable, Map<string, readonly Cell[] | null>>()
    const moves: { readonly at: Position; readonly next: number; readonly none: number }[] = []
    for (const { topic, partition, records, position } of await reader.poll(500)) {
      const at = positions.get(partitionKey({ topic, partition }))
      if (at === undefined || position <= at.offset) continue
      const changed = rows.get(at.table) ?? new Map<string, readonly Cell[] | null>()
      rows.set(at.table, changed)
      let none = 0
      for (const record of records) {
        const change = at.table.change(at, record)
        if (change.kind === 'delete') changed.set(change.id, null)
        if (change.kind === 'none') none++
        if (change.kind === 'put') put(at.table, changed, change.cells)
      }
      moves.push({ at, next: position, none })
    }
    if (moves.length === 0) continue
    await commit(options, rows, moves)
    for (const { at, next, none } of moves) {
      leftOut.add(at.topic, none)
      at.offset = next
      if (next >= (open.get(partitionKey(at)) ?? 0)) open.delete(partitionKey(at))
    }
  }
}

/** One row per key goes into a transaction: the last one, or the first one where the table keeps that. */
function put(
  { columns, key, onConflict }: TargetTable,
  rows: Map<string, readonly Cell[] | null>,
  cells: readonly Cell[],
) {
  const id = key.map((name) => String(cells[columns.findIndex((column) => column.name === name)])).join(' ')
  if (onConflict === 'replace' || !rows.has(id)) rows.set(id, cells)
}

/** Where the export continues, by partition. A partition that is new begins at its first offset. */
async function positionsOf({
  client,
  admin,
  schema,
  tables,
}: PostgresExportOptions): Promise<ReadonlyMap<string, Position>> {
  const topics = tables.flatMap((table) => table.topics)
  await requireTopics(admin, topics)
  const described = await admin.describeTopics(topics)
  const positions = new Map<string, Position>()
  for (const table of tables) {
    for (const topic of table.topics) {
      const { id = '', partitions = 0 } = described.get(topic) ?? {}
      const all = Array.from({ length: partitions }, (_, partition): TopicPartition => ({ topic, partition }))
      const starts = await admin.earliestOffsets(all)
      await client.query(
        `INSERT INTO ${quoted(schema)}.${OFFSETS_TABLE} SELECT $1, $2, $3, * FROM unnest($4::int[], $5::bigint[]) ON CONFLICT DO NOTHING`,
        [table.name, topic, id, all.map(({ partition }) => partition), starts],
      )
      const { rows } = await client.query<{ topic_id: string; partition: number; next_offset: string }>(
        `SELECT topic_id, partition, next_offset FROM ${quoted(schema)}.${OFFSETS_TABLE} WHERE table_name = $1 AND topic = $2`,
        [table.name, topic],
      )
      if (rows.some((row) => row.topic_id !== id)) {
        throw new ExportOffsetsError(`${topic} was made anew since the export of ${schema}.${table.name} began`)
      }
      for (const { partition, next_offset: next } of rows) {
        positions.set(partitionKey({ topic, partition }), { topic, partition, table, offset: Number(next) })
      }
    }
  }
  return positions
}

async function commit(
  { client, schema }: PostgresExportOptions,
  rows: ReadonlyMap<TargetTable, ReadonlyMap<string, readonly Cell[] | null>>,
  moves: readonly { readonly at: Position; readonly next: number }[],
): Promise<void> {
  await client.query('BEGIN')
  for (const [table, changed] of rows) {
    const deleted = [...changed].flatMap(([id, cells]) => (cells === null ? [id] : []))
    const puts = [...changed.values()].filter((cells) => cells !== null)
    if (deleted.length > 0) await client.query(deletion(schema, table), [deleted])
    if (puts.length > 0) await client.query(insertion(schema, table), [rowsJson(table.columns, puts)])
  }
  const moved = await client.query(offsetMove(schema), [
    moves.map(({ at }) => at.table.name),
    moves.map(({ at }) => at.topic),
    moves.map(({ at }) => at.partition),
    moves.map(({ at }) => at.offset),
    moves.map(({ next }) => next),
  ])
  if (moved.rowCount !== moves.length) {
    await client.query('ROLLBACK')
    throw new ExportOffsetsError(`another exporter has moved the offsets in ${schema}.${OFFSETS_TABLE}`)
  }
  await client.query('COMMIT')
}
