import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type LocalRead, type RouteContext, sendJson } from '../../../infra/http/index.ts'
import { errorSchema, failures, pageOf } from '../../../infra/http/schemas/index.ts'
import { FIRST_INSTANT, LAST_INSTANT, subMsDigits } from '../../../processors/time/parse-instant.ts'
import { Type } from '../../../topology/json-schema/index.ts'
import { instantParam, instantRange } from '../query-times.ts'
import type { RideViews } from '../ride-views.ts'
import {
  driverSchema,
  type TripQuery,
  type TripsQuery,
  tripHistorySchema,
  tripQuery,
  tripSchema,
  tripsQuery,
} from '../schemas.ts'
import { StorePages } from '../store-pages.ts'
import { TripHistories } from '../trip-histories.ts'
import { type TripListRequest, TripLists } from '../trip-lists.ts'

const idParam = (name: string, example: string) =>
  Type.Object({ [name]: Type.String({ minLength: 1, examples: [example] }) })

/**
 * Routes that answer from the stores, whichever instance has them: committed data only, with the records behind in `x-store-lag`.
 */
export function storeRoutes(app: FastifyInstance, context: RouteContext, views: RideViews): void {
  const { instance, router } = context
  const pages = new StorePages(context)
  const lists = new TripLists(context)
  const histories = new TripHistories(instance, router)

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
      return pages.page(request, reply, { ...views.trips, limit, cursor }, ({ tripId }) => tripId)
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
