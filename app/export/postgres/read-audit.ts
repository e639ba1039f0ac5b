import type { Client } from 'pg'
import { quoted } from './quoted.ts'
import { textInPostgres } from './statements.ts'

/** The trips of whose events the audit trail is asked. At least one is given; all that are given must hold. */
export interface AuditQuestion {
  readonly trip?: string | undefined
  readonly driver?: string | undefined
  readonly passenger?: string | undefined
  /** Epoch ms, inclusive. */
  readonly from?: number | undefined
  /** Epoch ms, exclusive. */
  readonly to?: number | undefined
}

/** An event of the audit trail. */
export interface AuditRow {
  /** UTC, with all digits of the event. */
  readonly when: string
  readonly who: string | null
  readonly what: string
  readonly trip_id: string
  readonly driver_id: string | null
  readonly passenger_id: string | null
  readonly event_id: string
  /** JSON, as it was sent. */
  readonly data: string
}

/** The events of all trips that name the driver or the passenger, in the order of their times. */
export async function readAudit(client: Client, schema: string, question: AuditQuestion): Promise<readonly AuditRow[]> {
  const { table, where, values } = conditionsOf(schema, question)
  const { rows } = await client.query<AuditRow>(`SELECT ${COLUMNS} FROM ${table} WHERE ${where} ${ORDER}`, values)
  return rows
}

export interface AuditPageQuestion extends AuditQuestion {
  readonly limit: number
  /** AuditPage.last of the page before; null: the first page. */
  readonly after: string | null
}

export interface AuditPage {
  readonly rows: readonly AuditRow[]
  /** Place of the last row, for the next page; null: there is none. */
  readonly last: string | null
}

/** A page of what readAudit() answers. `after` is text that this function gave out: another one is an error of Postgres. */
export async function readAuditPage(
  client: Pick<Client, 'query'>,
  schema: string,
  { limit, after, ...question }: AuditPageQuestion,
): Promise<AuditPage> {
  const { table, where, values } = conditionsOf(schema, question)
  const behind = after === null ? [] : ((JSON.parse(after) as unknown[]).map(String) satisfies string[])
  const [time, id, key] = behind.map((part) => `$${values.push(part)}`)
  const rest =
    after === null
      ? ''
      : `AND (event_time, event_id, event_key) > (${time}::timestamptz, ${id}, decode(${key}, '${KEY_FORM}'))`
  const { rows } = await client.query<AuditRow & { readonly place: string }>(
    `SELECT ${COLUMNS}, json_build_array(event_time, event_id, encode(event_key, '${KEY_FORM}'))::text AS place FROM ${table} WHERE ${where} ${rest} ${ORDER} LIMIT ${limit + 1}`,
    values,
  )
  const page = rows.slice(0, limit)
  return { rows: page, last: rows.length > limit ? (page.at(-1)?.place ?? null) : null }
}

const COLUMNS =
  'event_timestamp AS "when", who, event_type AS what, trip_id, driver_id, passenger_id, event_id, data::text AS data'
const ORDER = 'ORDER BY event_time, event_id, event_key'
/** Unasked, Postgres writes bytes as the database's bytea_output says. */
const KEY_FORM = 'hex'

function conditionsOf(schema: string, { trip, driver, passenger, from, to }: AuditQuestion) {
  const table = `${quoted(schema)}.audit`
  const values: (string | Date)[] = []
  const value = (given: string | Date): string =>
    `$${values.push(typeof given === 'string' ? textInPostgres(given) : given)}`
  const tripsOf = (column: string, id: string): string =>
    `trip_id IN (SELECT trip_id FROM ${table} WHERE ${column} = ${value(id)})`
  const conditions = [
    ...(trip === undefined ? [] : [`trip_id = ${value(trip)}`]),
    ...(driver === undefined ? [] : [tripsOf('driver_id', driver)]),
    ...(passenger === undefined ? [] : [tripsOf('passenger_id', passenger)]),
    ...(from === undefined ? [] : [`event_time >= ${value(new Date(from))}`]),
    ...(to === undefined ? [] : [`event_time < ${value(new Date(to))}`]),
  ]
  return { table, where: conditions.join(' AND '), values }
}
