import type { FastifyInstance, FastifyReply } from 'fastify'
import { getResolution, isValidCell } from 'h3-js'
import { badRange, badRequest, notFound, ROLE_HEADER, type RouteContext } from '../../../infra/http/index.ts'
import { failures, pageOf } from '../../../infra/http/schemas/index.ts'
import { DEMAND_RESOLUTION } from '../../../processors/cell-demand/cell-demand.ts'
import { MOST_ID } from '../../../processors/events/schemas.ts'
import { formatEnd, formatSecond } from '../../../processors/time/format-instant.ts'
import { Type } from '../../../topology/json-schema/index.ts'
import type { TopicLog } from '../../topics/topic-log.ts'
import { ClosedDemand } from '../closed-demand.ts'
import { hourRange, hourSpan, instantRange } from '../query-times.ts'
import { RevenueSums } from '../revenue-sums.ts'
import type { RideViews } from '../ride-views.ts'
import {
  type DemandQuery,
  dailyRevenueSchema,
  demandQuery,
  demandSchema,
  type EarningsQuery,
  earningsQuery,
  earningsSchema,
  funnelSchema,
  type HoursQuery,
  hoursQuery,
  type RevenueSumsQuery,
  revenueSchema,
  revenueSumsQuery,
  zoneRevenueSchema,
} from '../schemas.ts'
import { StorePages } from '../store-pages.ts'

export interface DemandOptions {
  /** Reads analytics.cell_demand; null: the processor cell-demand does not run. */
  readonly openDemand: (() => TopicLog) | null
}

/** Sums over trips: revenue and funnel of the hours, earnings of drivers, demand of cells. */
export function analyticsRoutes(
  app: FastifyInstance,
  context: RouteContext,
  views: RideViews,
  { openDemand }: DemandOptions,
): void {
  const pages = new StorePages(context)
  const sums = new RevenueSums(context, views)

  app.get<{ Querystring: HoursQuery }>(
    '/revenue/hourly',
    {
      schema: {
        tags: ['analytics'],
        operationId: 'listHourlyRevenue',
        summary: 'Revenue by hour',
        querystring: hoursQuery,
        response: { 200: pageOf(revenueSchema), ...failures },
      },
    },
    (request, reply) => {
      const { limit, cursor } = request.query
      const page = { ...views.revenue, limit, cursor, ...hourRange(request.query) }
      return pages.page(request, reply, page, ({ hour }) => hour)
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
        tags: ['analytics'],
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
        tags: ['analytics'],
        operationId: 'listZoneRevenue',
        summary: 'Revenue by zone',
        description:
          'Revenue of the trips completed in these hours by the zone of their pickup: that of the nearest centre, at most 10 km away. The ' +
          'largest first, all zones in one page. An instance with more than 50,000 trips completed in these hours answers 400; ' +
          'without hours, one with more than 50,000 trips of any status. Sums are read one at a time: when several wait, the answer is 503.',
        querystring: revenueSumsQuery,
        response: { 200: pageOf(zoneRevenueSchema), ...failures },
      },
    },
    (request, reply) => added(reply, sums.byZone(request, hourSpan(request.query)), 'zone'),
  )

  app.get<{ Querystring: HoursQuery }>(
    '/analytics/funnel',
    {
      schema: {
        tags: ['analytics'],
        operationId: 'listTripFunnel',
        summary: 'Stages that the trips of an hour reached',
        description:
          'Trips by the hour of their request: how many reached each stage, and how long they waited for a driver.',
        querystring: hoursQuery,
        response: { 200: pageOf(funnelSchema), ...failures },
      },
    },
    (request, reply) => {
      const { limit, cursor } = request.query
      const page = { ...views.funnel, limit, cursor, ...hourRange(request.query) }
      return pages.page(request, reply, page, ({ hour }) => hour)
    },
  )

  app.get<{ Params: { driverId: string }; Querystring: EarningsQuery }>(
    '/drivers/:driverId/earnings',
    {
      config: { hasCursor: true },
      schema: {
        tags: ['analytics'],
        operationId: 'listDriverEarnings',
        summary: 'Earnings of a driver by day',
        description:
          'What the driver earned on each UTC day, from all partitions. A driver without a completed trip has no rows.',
        params: Type.Object({ driverId: Type.String({ minLength: 1, maxLength: MOST_ID, examples: ['driver-3'] }) }),
        querystring: earningsQuery,
        response: { 200: pageOf(earningsSchema), ...failures },
      },
    },
    (request, reply) => {
      const { driverId } = request.params
      const { limit, cursor, from = FIRST_DAY, to = LAST_DAY } = request.query
      if (from > to) throw badRange()
      const { store, view } = views.earnings
      const page = {
        store,
        limit,
        cursor,
        from: `${driverId}|${from}`,
        to: `${driverId}|${to}`,
        // Ids may hold a bar: another driver's rows may lie between.
        view(key: string, stored: unknown) {
          const row = view(key, stored)
          return row.driverId === driverId ? row : null
        },
      }
      return pages.page(request, reply, page, ({ day }) => `${driverId}|${day}`)
    },
  )

  app.get<{ Querystring: DemandQuery }>(
    '/analytics/demand',
    {
      schema: {
        tags: ['analytics'],
        operationId: 'listOpenDemand',
        summary: 'Demand in windows that are open',
        description:
          'Requests and completions by cell and five minutes so far, by time. A window closes a quarter of an hour after it began; ' +
          'its final row goes to the topic analytics.cell_demand, and it moves from this list to /analytics/demand/closed.',
        querystring: demandQuery,
        response: { 200: pageOf(demandSchema), ...failures },
      },
    },
    (request, reply) => {
      const { limit, cursor } = request.query
      const { from, to } = instantRange(request.query)
      const cell = request.query.cell === undefined ? null : demandCell(request.query.cell)
      const { store, view } = views.demand
      const page = {
        store,
        limit,
        cursor,
        from: from === undefined ? undefined : formatEnd(Math.ceil(from / 1000) * 1000),
        // Behind all cells of that time.
        to: to === undefined ? undefined : `${formatSecond(to)}@~`,
        view(key: string, stored: unknown) {
          const row = view(key, stored)
          // Corrections have taken everything back.
          if (row.requests === 0 && row.completions === 0) return null
          return cell === null || row.cell === cell ? row : null
        },
      }
      return pages.page(request, reply, page, ({ windowStart, cell: of }) => `${windowStart}@${of}`)
    },
  )

  const closed = openDemand === null ? null : new ClosedDemand(openDemand)
  app.get<{ Querystring: DemandQuery }>(
    '/analytics/demand/closed',
    {
      schema: {
        tags: ['analytics'],
        operationId: 'listClosedDemand',
        summary: 'Demand in windows that are closed',
        description:
          'Final requests and completions by cell and five minutes, about in the order of their windows, as the topic analytics.cell_demand holds them. A page reads ' +
          'at most 50,000 records, so with a filter it may be short and still have a nextCursor. Pages are read one at a time: when ' +
          'several wait, the answer is 503.',
        querystring: demandQuery,
        response: { 200: pageOf(demandSchema), ...failures },
      },
    },
    (request) => {
      if (closed === null) throw notFound('cell-demand does not run here (PROCESSORS says which processors run)')
      const { limit, cursor } = request.query
      const { from, to } = instantRange(request.query)
      const cell = request.query.cell === undefined ? null : demandCell(request.query.cell)
      return closed.page({ limit, cursor, from, to, cell })
    },
  )
}

const FIRST_DAY = '0000-01-01'
const LAST_DAY = '9999-12-31'

/** @throws HttpError 400 for a text that is no cell that demand is counted in */
function demandCell(text: string): string {
  const cell = text.toLowerCase()
  if (/^8[0-9a-f]{14}$/.test(cell) && isValidCell(cell) && getResolution(cell) === DEMAND_RESOLUTION) return cell
  throw badRequest(`"${text}" is not an H3 cell of resolution ${DEMAND_RESOLUTION}`)
}
