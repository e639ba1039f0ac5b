import type { FastifyInstance } from 'fastify'
import { badRequest, decodeCursor, encodeCursor, HttpError, notFound } from '../../../infra/http/index.ts'
import { failures, pageOf } from '../../../infra/http/schemas/index.ts'
import { parseExactJson } from '../../../infra/json/index.ts'
import type { AuditTrail } from '../../export/postgres/audit-trail.ts'
import type { AuditRow } from '../../export/postgres/read-audit.ts'
import { instantRange } from '../query-times.ts'
import { type AuditQuery, auditEventSchema, auditQuery } from '../schemas.ts'

export interface AuditOptions {
  /** AUDIT_POSTGRES_URL; null: it is not set. */
  readonly audit: AuditTrail | null
}

const LIST = 'audit'

/** GET /audit: who did what and when, from the trail that `export postgres` keeps. */
export function auditRoutes(app: FastifyInstance, { audit }: AuditOptions): void {
  app.addHook('onClose', () => audit?.close())
  app.get<{ Querystring: AuditQuery }>(
    '/audit',
    {
      config: { hasCursor: true },
      schema: {
        tags: ['trips'],
        operationId: 'listAuditEvents',
        summary: 'Who did what and when',
        description:
          'Events of a trip, or of all trips of a driver or passenger, by time, from the audit trail that `export postgres` keeps in ' +
          'Postgres for as long as you like. 404 without AUDIT_POSTGRES_URL, 503 while it cannot be read.',
        querystring: auditQuery,
        response: { 200: pageOf(auditEventSchema), ...failures },
      },
    },
    async ({ query, log }) => {
      if (audit === null) throw notFound('there is no audit trail here: AUDIT_POSTGRES_URL names its database')
      const { tripId: trip, driverId: driver, passengerId: passenger, limit, cursor } = query
      if ([trip, driver, passenger].every((id) => id === undefined)) {
        throw badRequest('name a tripId, a driverId or a passengerId')
      }
      const after = cursor === undefined ? null : placeIn(decodeCursor(LIST, cursor))
      const question = { trip, driver, passenger, ...instantRange(query) }
      const { rows, last } = await audit.page(question, limit, after).catch((error: unknown) => {
        if (after !== null && isDataException(error)) throw badCursor()
        log.warn({ err: error }, 'audit trail')
        throw new HttpError(503, 'AUDIT_UNAVAILABLE', 'the audit trail cannot be read: the log says why')
      })
      return { rows: rows.map(shown), nextCursor: last === null ? null : encodeCursor(LIST, last) }
    },
  )
}

function shown({ when, who, what, trip_id, driver_id, passenger_id, event_id, data }: AuditRow) {
  const ids = { tripId: trip_id, driverId: driver_id, passengerId: passenger_id, eventId: event_id }
  return { when, who, what, ...ids, data: parseExactJson(data) }
}

/** @throws HttpError 400 for a text that is no place of a row */
function placeIn(text: string): string {
  try {
    const place = JSON.parse(text) as unknown
    const [time = '', id, key = '', ...rest] = Array.isArray(place) ? place.map(String) : []
    const isPlace = id !== undefined && rest.length === 0 && /^[\da-f]+$/.test(key)
    if (isPlace && /^\d{4,}-\d\d-\d\dT[\d:.+-]+( BC)?$/.test(time)) return text
  } catch {
    // No JSON: refused below.
  }
  throw badCursor()
}

/** True when Postgres took a text of the cursor for no value of its type: class 22 of its error codes. */
function isDataException(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('22')
}

const badCursor = (): HttpError => badRequest('this list did not give out that cursor: send the nextCursor of a page')
