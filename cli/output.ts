import Table from 'cli-table3'
import { visibleJson, visibleText } from '../infra/terminal/index.ts'

/*
 * All that commands print goes through here, and so does all foreign text: nothing of it can act on a terminal or make a line of its own.
 */

/** One line, whatever is in the text. */
export function printLine(text = ''): void {
  process.stdout.write(`${visibleText(text)}\n`)
}

/** A text of our own with lines of its own. */
export function printText(text: string): void {
  process.stdout.write(`${text.split('\n').map(visibleText).join('\n')}\n`)
}

export function printJson(value: unknown): void {
  process.stdout.write(`${visibleJson(JSON.stringify(value, null, 2))}\n`)
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
  else printTable(rows, columns)
}

/** A list of any length: printed as it comes, in blocks whose columns are as wide as they need. */
export class RowPrinter<T> {
  readonly #columns: readonly Column<T>[]
  readonly #json: boolean
  #block: T[] = []
  #printed = 0

  constructor(columns: readonly Column<T>[], json: boolean) {
    this.#columns = columns
    this.#json = json
  }

  add(row: T): void {
    this.#block.push(row)
    if (this.#block.length === BLOCK_ROWS) this.#print()
  }

  end(): void {
    if (this.#block.length > 0 || this.#printed === 0) this.#print()
    if (this.#json) printLine('],"nextCursor":null}')
  }

  #print(): void {
    const rows = this.#block
    this.#block = []
    if (!this.#json) printText(renderTable(rows, this.#columns))
    else {
      if (this.#printed === 0) printLine('{"rows":[')
      if (rows.length > 0) {
        printText((this.#printed === 0 ? '' : ',') + rows.map((row) => JSON.stringify(row)).join(',\n'))
      }
    }
    this.#printed += rows.length
  }
}

const BLOCK_ROWS = 1000

const NO_LINES = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
    .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'])
    .map((name) => [name, '']),
)

export function printTable<T>(rows: readonly T[], columns: readonly Column<T>[]): void {
  printText(renderTable(rows, columns))
}

/** Columns two spaces apart, no lines: easy to read and to cut. */
function renderTable<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const table = new Table({
    head: columns.map(({ head }) => head),
    colAligns: columns.map(({ right }) => (right ? 'right' : 'left')),
    chars: { ...NO_LINES, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  })
  for (const row of rows) table.push(columns.map(({ value }) => visibleText(String(value(row) ?? ''))))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
