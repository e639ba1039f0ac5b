import Table from 'cli-table3'

export function printLine(text = ''): void {
  process.stdout.write(`${text}\n`)
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, null, 2))
}

export interface Column<T> {
  readonly head: string
  readonly value: (row: T) => string | number | null
  /** Numbers stand right. */
  readonly right?: boolean
}

/** A list: `{rows, nextCursor}` as JSON, or a table. */
export function printRows<T>(rows: readonly T[], columns: readonly Column<T>[], json: boolean): void {
  if (json) printJson({ rows, nextCursor: null })
  else printLine(renderTable(rows, columns))
}

const NO_LINES = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
    .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'])
    .map((name) => [name, '']),
)

/** Columns two spaces apart, no lines: easy to read and to cut. */
export function renderTable<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const table = new Table({
    head: columns.map(({ head }) => head),
    colAligns: columns.map(({ right }) => (right ? 'right' : 'left')),
    chars: { ...NO_LINES, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  })
  for (const row of rows) table.push(columns.map(({ value }) => value(row) ?? ''))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
