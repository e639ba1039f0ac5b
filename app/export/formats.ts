import type { ParquetWriter as Writer } from 'hyparquet-writer'
import { MissingPackageError } from '../../state/index.ts'
import type { Cell, Column } from './columns.ts'

/* Files of rows: CSV (RFC 4180), JSON lines and Parquet. */

export const FORMATS = ['csv', 'jsonl', 'parquet'] as const
export type Format = (typeof FORMATS)[number]

/** Writes rows somewhere, in one format. */
export interface RowWriter {
  add(rows: readonly (readonly Cell[])[]): Promise<void>
  /** Writes what is left. */
  end(): Promise<void>
}

/** Takes text; resolves when there is room for more. */
export type TextSink = (text: string) => Promise<void>

export async function csvWriter(columns: readonly Column[], sink: TextSink): Promise<RowWriter> {
  await sink(csvLine(columns.map(({ name }) => name)))
  return {
    add: (rows) => sink(rows.map(csvLine).join('')),
    end: () => Promise.resolve(),
  }
}

/** A line of CSV. No value is an empty cell, and an empty text is `""`. */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`
}

function csvCell(cell: Cell): string {
  if (cell === null) return ''
  const text = String(cell)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export function jsonLinesWriter(columns: readonly Column[], sink: TextSink): RowWriter {
  const names = columns.map(({ name }) => `${JSON.stringify(name)}:`)
  const line = (row: readonly Cell[]): string =>
    `{${row.map((cell, i) => `${names[i]}${columns[i]?.type === 'json' ? cell : JSON.stringify(cell)}`).join(',')}}\n`
  return {
    add: (rows) => sink(rows.map(line).join('')),
    end: () => Promise.resolve(),
  }
}

/** Rows that are held until they are written as one row group. */
const GROUP_ROWS = 50_000

const PARQUET_TYPES = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  money: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  date: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  json: { type: 'BYTE_ARRAY', converted_type: 'JSON' },
  instant: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
  integer: { type: 'INT64' },
  number: { type: 'DOUBLE' },
} as const

/** Throws MissingPackageError when hyparquet-writer is not installed. */
export async function parquetWriter(columns: readonly Column[], file: string): Promise<RowWriter> {
  const { fileWriter, ParquetWriter } = await import('hyparquet-writer').catch(() => {
    throw new MissingPackageError('Parquet files', ['hyparquet-writer'])
  })
  const writer = fileWriter(file)
  const schema = [
    { name: 'root', num_children: columns.length },
    ...columns.map(({ name, type }) => ({ name, ...PARQUET_TYPES[type], repetition_type: 'OPTIONAL' as const })),
  ]
  const parquet: Writer = new ParquetWriter({ writer, schema, createdBy: 'ride-streams' })
  let held: (readonly Cell[])[] = []
  const write = async (): Promise<void> => {
    const rows = held
    held = []
    const columnData = columns.map(({ name, type }, i) => ({
      name,
      data: rows.map((row) => parquetValue(type, row[i] ?? null)),
    }))
    await parquet.write({ columnData, rowGroupSize: GROUP_ROWS })
  }
  return {
    async add(rows) {
      for (const row of rows) held.push(row)
      if (held.length >= GROUP_ROWS) await write()
    },
    async end() {
      if (held.length > 0) await write()
      await parquet.finish()
    },
  }
}

function parquetValue(type: Column['type'], cell: Cell): unknown {
  if (cell === null) return null
  if (type === 'instant') return new Date(String(cell))
  if (type === 'integer') return BigInt(cell)
  return type === 'json' ? (JSON.parse(String(cell)) as unknown) : cell
}
