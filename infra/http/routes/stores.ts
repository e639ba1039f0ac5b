import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { formatHour } from '../../../processors/time/format-instant.ts'
import { instantMs } from '../../../processors/time/parse-instant.ts'
import type { StreamsInstance } from '../../../runtime/ports/instance.ts'
import { badRequest, notFound } from '../errors.ts'
import { type Page, readPage } from '../page.ts'
import {
  driverSchema,
  failures,
  pageOf,
  type RevenueQuery,
  revenueQuery,
  revenueSchema,
  type TripsQuery,
  tripSchema,
  tripsQuery,
} from '../schemas.ts'
import type { RideViews, StoreView } from '../views.ts'

const idParam = (name: string) => Type.Object({ [name]: Type.String({ minLength: 1 }) })

/** Routes that answer from the stores: committed data only, with the records behind in `x-store-lag`. */
export function storeRoutes(app: FastifyInstance, instance: StreamsInstance, views: RideViews): void {
  const one = async <T>(reply: FastifyReply, noun: string, { store, view }: StoreView<T>, id: string): Promise<T> => {
    const { result, lag } = await instance.get(store, id)
    reply.header('x-store-lag', lag)
    if (result === null || result === undefined) throw notFound(`no ${noun} ${id}`)
    return view(id, result)
  }

  app.get<{ Params: { tripId: string } }>(
    '/trips/:tripId',
    { schema: { tags: ['trips'], params: idParam('tripId'), response: { 200: tripSchema, ...failures } } },
    (request, reply) => one(reply, 'trip', views.trips, request.params.tripId),
  )

  app.get<{ Querystring: TripsQuery }>(
    '/trips',
    {
      schema: {
        tags: ['trips'],
        description: 'Trips by tripId. With a rare status a page may be short and still have a nextCursor.',
        querystring: tripsQuery,
        response: { 200: pageOf(tripSchema), ...failures },
      },
    },
    async (request, reply) => {
      const { limit, cursor, status } = request.query
      const { store, view } = views.trips
      const wanted = (key: string, stored: unknown) => {
        const trip = view(key, stored)
        return status === undefined || trip.status === status ? trip : null
      }
      return sendPage(reply, await readPage(instance, { store, limit, cursor, view: wanted }))
    },
  )

  app.get<{ Params: { driverId: string } }>(
    '/drivers/:driverId',
    { schema: { tags: ['drivers'], params: idParam('driverId'), response: { 200: driverSchema, ...failures } } },
    (request, reply) => one(reply, 'driver', views.drivers, request.params.driverId),
  )

  app.get<{ Querystring: RevenueQuery }>(
    '/revenue/hourly',
    {
      schema: {
        tags: ['revenue'],
        querystring: revenueQuery,
        response: { 200: pageOf(revenueSchema), ...failures },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query
      const first = hourBound('from', request.query.from, Math.ceil)
      const last = hourBound('to', request.query.to, Math.floor)
      const page = await readPage(instance, { ...views.revenue, limit, cursor, from: first, to: last })
      return sendPage(reply, page)
    },
  )
}

function sendPage<T>(reply: FastifyReply, { rows, nextCursor, lag }: Page<T>) {
  reply.header('x-store-lag', lag)
  return { rows, nextCursor }
}

const HOUR_MS = 3_600_000

/** The hour key at or inside a bound. A `+` of an offset that was not percent-encoded arrives as a space. */
function hourBound(name: string, text: string | undefined, round: (hours: number) => number): string | undefined {
  if (text === undefined) return undefined
  const ms = instantMs(text.replace(/ (\d\d:?\d\d)$/, '+$1'))
  if (Number.isNaN(ms)) throw badRequest(`${name} must be ISO 8601 with Z or an offset, like 2019-03-01T00:00:00Z`)
  return formatHour(round(ms / HOUR_MS) * HOUR_MS)
}
