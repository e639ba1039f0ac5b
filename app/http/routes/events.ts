import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  type EventStream,
  LiveState,
  MIN_OFFSET_HEADER,
  notFound,
  ROLE_HEADER,
  type RouteContext,
} from '../../../infra/http/index.ts'
import { failures, pageQuery } from '../../../infra/http/schemas/index.ts'
import { errorFields } from '../../../infra/logging/index.ts'
import { isUnavailable, type QueryAnswer } from '../../../runtime/index.ts'
import { Type } from '../../../topology/json-schema/index.ts'
import { CellFeeds } from '../cell-feeds.ts'
import type { DriversByPlace } from '../drivers-by-place.ts'
import type { RideViews } from '../ride-views.ts'
import { cellOf } from './drivers.ts'

export interface EventsOptions {
  readonly drivers: DriversByPlace
  readonly views: RideViews
  readonly h3Resolution: number
}

const stream = {
  200: { description: 'Server-sent events', content: { 'text/event-stream': { schema: Type.String() } } },
  ...failures,
}
const ABOUT_STREAMS =
  'Every event carries a whole committed state; when states follow quickly, only the last one is sent. Comments are heartbeats. The last event is' +
  ' `end` with {"reason": "moved" | "shutdown" | "slow"}: connect again.'

const ROUTE = { exposeHeadRoute: false, config: { isStream: true } }

/** Routes that send changes as server-sent events. */
export function eventRoutes(
  app: FastifyInstance,
  { instance, router, subscribers }: RouteContext,
  { drivers, views, h3Resolution }: EventsOptions,
): void {
  const feeds = new CellFeeds(drivers, (error) =>
    app.log.error({ ...errorFields(error), err: error }, 'reading a watched cell failed'),
  )

  /** Sends the events of a trip whose task this process runs. */
  const tripFromHere = async (request: FastifyRequest, reply: FastifyReply, tripId: string): Promise<void> => {
    const { store } = views.trips
    // Called only to wait for the requested offset.
    if (request.headers[MIN_OFFSET_HEADER] !== undefined) {
      await router.one(
        request,
        store,
        tripId,
        (share) => instance.getJson(store, tripId, share),
        (body) => body,
      )
    }
    let live: LiveState | null = null
    let latest: QueryAnswer<string | null> | null = null
    const watch = await instance.watch(store, tripId, (row) => {
      latest = row
      if (row.result !== null) live?.set(row.result)
    })
    const first: QueryAnswer<string | null> = latest ?? watch.first
    if (first.result === null) {
      watch.close()
      throw notFound(`there is no trip ${tripId}`)
    }
    latest ??= first
    /** A replaced thread has lost the watches of the dead one. */
    const isWatched = async (): Promise<boolean> => {
      try {
        const before = latest
        const { result } = await instance.getJson(store, tripId)
        return result === latest?.result || before !== latest
      } catch (error) {
        // The store restores, or has moved, which ends the watch. Any other error ends the stream, and the next stream meets it.
        return isUnavailable(error)
      }
    }
    const opened = subscribers.open(request, reply, {
      headers: { 'x-store-lag': String(first.lag), [ROLE_HEADER]: 'active' },
      onClosed: () => watch.close(),
      onBeat: () => void isWatched().then((holds) => holds || opened.end('moved')),
    })
    live = new LiveState(opened, 'trip')
    live.set(first.result)
    void watch.ended.then(() => opened.end('moved'))
  }

  app.get<{ Params: { tripId: string } }>(
    '/trips/:tripId/events',
    {
      ...ROUTE,
      schema: {
        tags: ['trips'],
        description: `The trip now, and after every commit that changes it: event \`trip\`.${ABOUT_STREAMS}`,
        params: Type.Object({ tripId: Type.String({ minLength: 1 }) }),
        response: stream,
      },
    },
    (request, reply) =>
      subscribers.opening(async () => {
        const { tripId } = request.params
        const { store } = views.trips
        const host = router.owner(request, store, tripId)
        if (host === null) return await tripFromHere(request, reply, tripId)
        const body = await router.stream(request, store, tripId, host)
        const opened: EventStream = subscribers.open(request, reply, {
          headers: {},
          isPassedOn: true,
          onClosed: () => body.destroy(),
        })
        body.on('data', (chunk: Buffer) => opened.write(chunk))
        body.on('end', () => opened.finish())
        body.on('error', () => opened.end('moved'))
      }),
  )

  app.get<{ Params: { h3: string }; Querystring: { limit: number } }>(
    '/cells/:h3/events',
    {
      ...ROUTE,
      schema: {
        tags: ['drivers'],
        description: `The drivers in the cell now, as GET /cells/{h3} answers them, and when they have changed (looked at once a second): event \`drivers\`.${ABOUT_STREAMS}`,
        params: Type.Object({ h3: Type.String({ description: 'H3 index' }) }),
        querystring: Type.Object({ limit: pageQuery.limit }),
        response: stream,
      },
    },
    (request, reply) =>
      subscribers.opening(async () => {
        const { limit } = request.query
        const cell = cellOf(request.params.h3, h3Resolution)
        const first = await feeds.read(cell, limit, request.id)
        let stop = (): void => undefined
        const opened = subscribers.open(request, reply, { headers: {}, onClosed: () => stop() })
        const live = new LiveState(opened, 'drivers')
        live.set(first)
        stop = feeds.listen(cell, limit, live)
      }),
  )
}
