import type { Client } from 'pg'
import { quoted } from './quoted.ts'

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
  const table = `${quoted(schema)}.audit`
  const values: (string | Date)[] = []
  const value = (given: string | Date): string => `$${values.push(given)}`
  const tripsOf = (column: string, id: string): string =>
    `trip_id IN (SELECT trip_id FROM ${table} WHERE ${column} = ${value(id)})`
  const { trip, driver, passenger, from, to } = question
  const conditions = [
    ...(trip === undefined ? [] : [`trip_id = ${value(trip)}`]),
    ...(driver === undefined ? [] : [tripsOf('driver_id', driver)]),
    ...(passenger === undefined ? [] : [tripsOf('passenger_id', passenger)]),
    ...(from === undefined ? [] : [`event_time >= ${value(new Date(from))}`]),
    ...(to === undefined ? [] : [`event_time < ${value(new Date(to))}`]),
  ]
  const { rows } = await client.query<AuditRow>(
    `SELECT event_timestamp AS "when", who, event_type AS what, trip_id, driver_id, passenger_id, event_id, data::text AS data FROM ${table} WHERE ${conditions.join(' AND ')} ORDER BY event_time, event_id`,
    values,
  )
  return rows
}
