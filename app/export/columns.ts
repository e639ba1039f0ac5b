import { type Cents, centsOfText } from '../../processors/money.ts'
import { MONEY_FIELDS } from '../../processors/output-schemas.ts'

/*
 * The columns of a table, flat, from the JSON Schema of its values: `pickup.lat` becomes `pickup_lat`. The names are those of
 * SQL: `trip_id`. All formats and Postgres have the same columns.
 */

export type ColumnType = 'text' | 'money' | 'instant' | 'date' | 'integer' | 'number' | 'json'

export interface Column {
  readonly name: string
  readonly type: ColumnType
}

/** A value of a column: money, instants, dates and JSON are text. */
export type Cell = string | number | null

/** A column, and where its value is in a parsed value. */
export interface Field extends Column {
  readonly path: readonly string[]
}

interface Schema {
  readonly type?: string
  readonly format?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly anyOf?: readonly Schema[]
}

/** The columns of the objects that a schema describes, in the order of its properties. */
export function fieldsOfSchema(schema: object, path: readonly string[] = []): Field[] {
  return Object.entries((schema as Schema).properties ?? {}).flatMap(([name, property]): Field[] => {
    const at = [...path, name]
    const present = property.anyOf?.find(({ type }) => type !== 'null') ?? property
    if (present.type === 'object') return fieldsOfSchema(present, at)
    return [{ name: columnName(at), type: typeOf(name, present), path: at }]
  })
}

function typeOf(name: string, { type, format }: Schema): ColumnType {
  if (MONEY_FIELDS.has(name)) return 'money'
  if (type === 'array' || type === 'object') return 'json'
  if (type === 'integer' || type === 'number') return type
  return format === 'date-time' ? 'instant' : format === 'date' ? 'date' : 'text'
}

/** `finalFare` becomes `final_fare`. */
export function columnName(path: readonly string[]): string {
  return path
    .join('_')
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .toLowerCase()
}

/** JSON.parse that makes amounts of money texts with two decimals (`5.00`), exact for any amount. */
export function parseWithMoney(text: string): unknown {
  // TypeScript's library does not know the reviver's third argument yet (ES2026).
  const exact = (name: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && MONEY_FIELDS.has(name) ? moneyText(context?.source ?? String(value)) : value
  return JSON.parse(text, exact as (name: string, value: unknown) => unknown)
}

/** A number text with at most two decimals, as an amount with two. Any other text is left as it is. */
function moneyText(text: string): string {
  const exact = centsOfText(text)
  return exact === undefined ? text : decimalText(exact)
}

/** `5.00`: the decimal text of an amount. */
export function decimalText(amount: Cents): string {
  const cents = BigInt(amount)
  const digits = (cents < 0n ? -cents : cents).toString().padStart(3, '0')
  return `${cents < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}

/** The cells of a parsed value. */
export function cellsOf(fields: readonly Field[], value: unknown): Cell[] {
  return fields.map(({ path, type }) => {
    let at: unknown = value
    for (const name of path) at = (at as Record<string, unknown> | null | undefined)?.[name]
    if (at === undefined || at === null) return null
    return type === 'json' ? JSON.stringify(at) : (at as Cell)
  })
}

/** A column of that type can hold the cell. */
export function fits(type: ColumnType, cell: Cell): boolean {
  if (cell === null) return true
  if (type === 'integer') return Number.isSafeInteger(cell)
  if (type === 'number') return typeof cell === 'number'
  if (typeof cell !== 'string') return false
  if (type === 'money') return /^-?\d+\.\d\d$/.test(cell)
  if (type === 'instant') return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(cell) && !Number.isNaN(Date.parse(cell))
  if (type === 'date') return /^\d{4}-\d\d-\d\d$/.test(cell) && !Number.isNaN(Date.parse(cell))
  return true
}
