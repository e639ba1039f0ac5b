import type { Cell } from '../columns.ts'
import { quoted } from './quoted.ts'
import type { TargetColumn, TargetTable } from './target-table.ts'

/* The SQL of the export. Names come from schemas of ours; values come as parameters. */

const TYPES: Readonly<Record<TargetColumn['type'], string>> = {
  text: 'text',
  money: 'numeric',
  instant: 'timestamptz',
  date: 'date',
  integer: 'bigint',
  number: 'double precision',
  json: 'jsonb',
  bytes: 'bytea',
}

export const OFFSETS_TABLE = 'kafka_offsets'

const list = (names: readonly string[]): string => names.map(quoted).join(', ')

/** Creates what is missing. Columns that a later version adds come to tables that are there. */
export function creation(schema: string, tables: readonly TargetTable[]): string[] {
  const at = quoted(schema)
  return [
    `CREATE SCHEMA IF NOT EXISTS ${at}`,
    `CREATE TABLE IF NOT EXISTS ${at}.${OFFSETS_TABLE} (table_name text, topic text, topic_id text NOT NULL, partition integer, next_offset bigint NOT NULL, PRIMARY KEY (table_name, topic, partition))`,
    ...tables.flatMap(({ name, columns, key, indexes, extras }) => {
      const table = `${at}.${quoted(name)}`
      const types = columns.map((column) => `${quoted(column.name)} ${TYPES[column.type]}`)
      return [
        `CREATE TABLE IF NOT EXISTS ${table} (${types.join(', ')}, PRIMARY KEY (${list(key)}))`,
        ...types.map((column) => `ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${column}`),
        ...indexes.map(
          ([column, kind]) =>
            `CREATE INDEX IF NOT EXISTS ${quoted(`${name}_${column}`)} ON ${table} USING ${kind} (${quoted(column)})`,
        ),
        ...(extras?.(schema) ?? []),
      ]
    }),
  ]
}

/** Inserts the rows of its one parameter, a JSON array (rowsJson). */
export function insertion(schema: string, { name, columns, key, onConflict }: TargetTable): string {
  const names = list(columns.map((column) => column.name))
  const types = columns.map((column) => `${quoted(column.name)} ${TYPES[column.type]}`)
  const others = columns.filter((column) => !key.includes(column.name)).map((column) => quoted(column.name))
  const update =
    onConflict === 'keep'
      ? 'NOTHING'
      : `UPDATE SET ${others.map((column) => `${column} = EXCLUDED.${column}`).join(', ')}`
  return `INSERT INTO ${quoted(schema)}.${quoted(name)} (${names}) SELECT ${names} FROM json_to_recordset($1::json) AS r(${types.join(', ')}) ON CONFLICT (${list(key)}) DO ${update}`
}

/** Deletes the rows of its one parameter, an array of ids. */
export function deletion(schema: string, { name, key }: TargetTable): string {
  return `DELETE FROM ${quoted(schema)}.${quoted(name)} WHERE ${list(key)} = ANY($1::bytea[])`
}

/** Moves offsets that are where they are expected: parameters are arrays, and the count of rows says how many were. */
export function offsetMove(schema: string): string {
  return `UPDATE ${quoted(schema)}.${OFFSETS_TABLE} AS o SET next_offset = m.next FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::bigint[]) AS m(table_name, topic, partition, expected, next) WHERE o.table_name = m.table_name AND o.topic = m.topic AND o.partition = m.partition AND o.next_offset = m.expected`
}

/** The rows as a JSON array for `insertion`. */
export function rowsJson(columns: readonly TargetColumn[], rows: readonly (readonly Cell[])[]): string {
  const names = columns.map(({ name }) => JSON.stringify(name))
  const lines = rows.map(
    (row) => `{${columns.map(({ type }, i) => `${names[i]}:${cellJson(type, row[i] ?? null)}`).join(',')}}`,
  )
  return `[${lines.join(',')}]`
}

function cellJson(type: TargetColumn['type'], cell: Cell): string {
  if (cell === null) return 'null'
  if (type === 'json') return cleanJson(String(cell))
  if (typeof cell === 'number') return JSON.stringify(cell)
  if (type === 'instant' || type === 'date') return JSON.stringify(yearOne(cell))
  return cleanJson(JSON.stringify(cell))
}

/** Postgres has no year 0: ISO's is 1 BC there. */
function yearOne(text: string): string {
  return text.startsWith('0000-') ? `0001${text.slice(4)} BC` : text
}

/** JSON whose texts Postgres takes: it has no U+0000, and no half of a surrogate pair. JSON.stringify has escaped them. */
function cleanJson(json: string): string {
  if (!json.includes('\\u')) return json
  return json.replace(/\\(?:u0000|ud[89a-f][\da-f]{2}|.)/g, (found) =>
    found === '\\u0000' ? NUL_SIGN : found.startsWith('\\ud') ? '\ufffd' : found,
  )
}

const NUL_SIGN = '\u2400'

/** An id as the tables hold it. */
export function textInPostgres(id: string): string {
  return id.replaceAll('\0', NUL_SIGN)
}
