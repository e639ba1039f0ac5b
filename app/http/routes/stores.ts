import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  badRange,
  badRequest,
  type LocalRead,
  mergePages,
  type Page,
  type PageRequest,
  ROLE_HEADER,
  type RouteContext,
  readPage,
  sendJson,
} from '../../../infra/http/index.ts'
import { errorSchema, failures, pageOf } from '../../../infra/http/schemas/index.ts'
import { parseExactJson } from '../../../infra/json/index.ts'
import { formatEnd } from '../../../processors/time/format-instant.ts'
import { FIRST_INSTANT, instantMs, LAST_INSTANT, subMsDigits } from '../../../processors/time/parse-instant.ts'
import { Type } from '../../../topology/json-schema/index.ts'
import { type HourRange, RevenueSums } from '../revenue-sums.ts'
import type { RideViews } from '../ride-views.ts'
import {
  dailyRevenueSchema,
  driverSchema,
  type RevenueQuery,
  type RevenueSumsQuery,
  revenueQuery,
  revenueSchema,
  revenueSumsQuery,
  type TripQuery,
  type TripsQuery,
  tripHistorySchema,
  tripQuery,
  tripSchema,
  tripsQuery,
  zoneRevenueSchema,
} from '../schemas.ts'
import { TripHistories } from '../trip-histories.ts'
import { type TripListRequest, TripLists } from '../trip-lists.ts'

const idParam = (name: string, example: string) =>
  Type.Object({ [name]: Type.String({ minLength: 1, examples: [example] }) })

/**
 * Routes that answer from the stores, whichever instance has them: committed data only, with the records behind in `x-store-lag`.
 */
export function storeRoutes(app: FastifyInstance, context: RouteContext, views: RideViews): void {
  const { instance, router } = context
  const lists = new TripLists(context)
  const histories = new TripHistories(instance, router)
  const sums = new RevenueSums(context, views)

  const one = async (request: FastifyRequest, reply: FastifyReply, noun: string, store: string, id: string) => {
    const read: LocalRead<string | null> = (share) => instance.getJson(store, id, share)
    const answer = await router.one(request, store, id, read, (body) => body)
    return sendJson(reply, answer, `there is no ${noun} ${id}`)
  }

  const then = async (request: FastifyRequest, reply: FastifyReply, tripId: string, asOf: string) => {
    const time = { at: instantParam('asOf', asOf), sub: subMsDigits(asOf) }
    const answer = await histories.asOf(request, tripId, time)
    return sendJson(reply, answer, `there is no trip ${tripId}, or it had no event by that time`)
  }

  /** `keyOf`: the key of a row that another instance sent. */
  const list = async <T>(
    request: FastifyRequest,
    reply: FastifyReply,
    page: Omit<PageRequest<T>, 'share'>,
    keyOf: (row: T) => string,
  ): Promise<Page<T>> => {
    const { store, limit } = page
    const read: LocalRead<Page<T>> = (share) => readPage(instance, { ...page, share })
    const { result, lag, role } = await router.all(request, store, read, (body) => parseExactJson(body) as Page<T>)
    reply.header('x-store-lag', lag).header(ROLE_HEADER, role)
    return mergePages(result, { list: store, limit, keyOf })
  }

  app.get<{ Params: { tripId: string }; Querystring: TripQuery }>(
    '/trips/:tripId',
    {
      config: { isQuick: true },
      schema: {
        tags: ['trips'],
        operationId: 'getTrip',
        summary: 'A trip',
        description:
          'The trip as it is now. With asOf: the trip by all its events up to that time, whenever they arrived; 410 when those events ' +
          'are no longer kept.',
        params: idParam('tripId', 'trip-1'),
        querystring: tripQuery,
        response: { 200: tripSchema, 410: errorSchema, ...failures },
      },
    },
    (request, reply) => {
      const { tripId } = request.params
      const { asOf } = request.query
      return asOf === undefined
        ? one(request, reply, 'trip', views.trips.store, tripId)
        : then(request, reply, tripId, asOf)
    },
  )

  app.get<{ Params: { tripId: string } }>(
    '/trips/:tripId/history',
    {
      schema: {
        tags: ['trips'],
        operationId: 'getTripHistory',
        summary: 'The events of a trip',
        description:
          'The events of the trip in the order of their times, each with the trip after it. They are kept until nothing has happened to the ' +
          'trip for TRIP_HISTORY_RETENTION_MS; then the answer is 410.',
        params: idParam('tripId', 'trip-1'),
        response: { 200: tripHistorySchema, 410: errorSchema, ...failures },
      },
    },
    async (request, reply) => {
      const { tripId } = request.params
      return sendJson(reply, await histories.history(request, tripId), `there is no trip ${tripId}`)
    },
  )

  app.get<{ Querystring: TripsQuery }>(
    '/trips',
    {
      config: { hasCursor: true },
      schema: {
        tags: ['trips'],
        operationId: 'listTrips',
        summary: 'Trips',
        description:
          'Without conditions, trips by tripId; else by the time of their request (while none is known, of the earliest known event). With ' +
          'several conditions a page may be short and still have a nextCursor.',
        querystring: tripsQuery,
        response: { 200: pageOf(tripSchema), ...failures },
      },
    },
    async (request, reply) => {
      const { query } = request
      const asked = tripListOf(query)
      if (asked !== null) return sendJson(reply, await lists.page(request, asked), '')
      const { limit, cursor } = query
      return list(request, reply, { ...views.trips, limit, cursor }, ({ tripId }) => tripId)
    },
  )

  app.get<{ Params: { driverId: string } }>(
    '/drivers/:driverId',
    {
      schema: {
        tags: ['drivers'],
        operationId: 'getDriver',
        summary: 'A driver',
        params: idParam('driverId', 'driver-3'),
        response: { 200: driverSchema, ...failures },
      },
    },
    (request, reply) => one(request, reply, 'driver', views.drivers.store, request.params.driverId),
  )

  app.get<{ Querystring: { driverId: string } }>(
    '/driver',
    {
      schema: {
        tags: ['drivers'],
        operationId: 'getDriverByQuery',
        summary: 'A driver of any id',
        description: 'Answers as /drivers/{driverId} does, for ids that a path cannot hold: `nearby`, `.` and `..`.',
        querystring: idParam('driverId', 'driver-3'),
        response: { 200: driverSchema, ...failures },
      },
    },
    (request, reply) => one(request, reply, 'driver', views.drivers.store, request.query.driverId),
  )

  app.get<{ Querystring: { tripId: string } }>(
    '/trip',
    {
      schema: {
        tags: ['trips'],
        operationId: 'getTripByQuery',
        summary: 'A trip of any id',
        description: 'Answers as /trips/{tripId} without asOf does, for ids that a path cannot hold: `.` and `..`.',
        querystring: idParam('tripId', 'trip-1'),
        response: { 200: tripSchema, ...failures },
      },
    },
    (request, reply) => one(request, reply, 'trip', views.trips.store, request.query.tripId),
  )

  app.get<{ Querystring: RevenueQuery }>(
    '/revenue/hourly',
    {
      schema: {
        tags: ['revenue'],
        operationId: 'listHourlyRevenue',
        summary: 'Revenue by hour',
        querystring: revenueQuery,
        response: { 200: pageOf(revenueSchema), ...failures },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query
      const range = hourRange(request.query)
      return list(request, reply, { ...views.revenue, limit, cursor, ...range }, ({ hour }) => hour)
    },
  )

  const added = async (reply: FastifyReply, asking: ReturnType<RevenueSums['byDay']>, by: 'day' | 'zone') => {
    const { result, lag, role } = await asking
    reply.header('x-store-lag', lag).header(ROLE_HEADER, role)
    if ('parts' in result) return result
    return { rows: result.map(({ name, revenue, trips }) => ({ [by]: name, revenue, trips })), nextCursor: null }
  }

  app.get<{ Querystring: RevenueSumsQuery }>(
    '/revenue/daily',
    {
      schema: {
        tags: ['revenue'],
        operationId: 'listDailyRevenue',
        summary: 'Revenue by day',
        description: 'The hours of /revenue/hourly added up by UTC day, all days in one page.',
        querystring: revenueSumsQuery,
        response: { 200: pageOf(dailyRevenueSchema), ...failures },
      },
    },
    (request, reply) => added(reply, sums.byDay(request, hourRange(request.query)), 'day'),
  )

  app.get<{ Querystring: RevenueSumsQuery }>(
    '/revenue/zones',
    {
      schema: {
        tags: ['revenue'],
        operationId: 'listZoneRevenue',
        summary: 'Revenue by zone',
        description:
          'Revenue of the trips completed in these hours by the zone of their pickup: that of the nearest centre, at most 10 km away. The ' +
          'largest first, all zones in one page. Every trip is read: with more than 50,000 in an instance the answer is 400.',
        querystring: revenueSumsQuery,
        response: { 200: pageOf(zoneRevenueSchema), ...failures },
      },
    },
    (request, reply) => added(reply, sums.byZone(request, hourRange(request.query)), 'zone'),
  )
}

/** The list that answers, the narrowest one; null: the trips by tripId do. */
function tripListOf(query: TripsQuery): TripListRequest | null {
  const { limit, cursor, reverse, status, driverId, passengerId } = query
  const { from, to } = instantRange(query)
  const rest = { from: from ?? FIRST_INSTANT, to: to ?? LAST_INSTANT, reverse, limit, cursor }
  const also = { status: status ?? null, passengerId: passengerId ?? null }
  if (driverId !== undefined) return { list: 'trips-by-driver', of: driverId, ...also, ...rest }
  if (passengerId !== undefined)
    return { list: 'trips-by-passenger', of: passengerId, ...also, ...rest, passengerId: null }
  if (status !== undefined) return { list: 'trips-by-status', of: status, status: null, passengerId: null, ...rest }
  if (from === undefined && to === undefined && !reverse) return null
  return { list: 'trips-by-time', of: '', status: null, passengerId: null, ...rest }
}

const HOUR_MS = 3_600_000

/** `hours` since 1970 */
function hourKey(hours: number): string {
  return formatEnd(hours * HOUR_MS)
}

/** The first and the last hour, as keys of hourly-revenue. @throws as instantRange */
function hourRange(query: RevenueSumsQuery): HourRange {
  const { from, to } = instantRange(query)
  return {
    from: from === undefined ? undefined : hourKey(Math.ceil(from / HOUR_MS)),
    to: to === undefined ? undefined : hourKey(Math.floor(to / HOUR_MS)),
  }
}

/** Epoch ms. @throws HttpError 400 for a range whose ends are the wrong way round */
function instantRange(query: { readonly from?: string; readonly to?: string }): { from?: number; to?: number } {
  const from = query.from === undefined ? undefined : instantParam('from', query.from)
  const to = query.to === undefined ? undefined : instantParam('to', query.to)
  if (from !== undefined && to !== undefined && from > to) throw badRange()
  return { ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
}

/** Epoch ms. A `+` of an offset that was not percent-encoded arrives as a space. */
function instantParam(name: string, text: string): number {
  const ms = instantMs(text.replace(/ (\d\d:?\d\d)$/, '+$1'))
  if (Number.isNaN(ms)) throw badRequest(`${name} must be ISO 8601 with Z or an offset, like 2019-03-01T00:00:00Z`)
  return ms
}
