import type { FastifyInstance } from 'fastify'
import { LiveState, type RouteContext, rowEvents } from '../../../infra/http/index.ts'
import { pageQuery, streamAnswer } from '../../../infra/http/schemas/index.ts'
import { errorFields } from '../../../infra/logging/index.ts'
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

const ABOUT_STREAMS =
  'Every event carries a whole committed state; when states follow quickly, only the last one is sent. Comments are heartbeats. The last event is' +
  ' `end` with {"reason": "moved" | "shutdown" | "slow"}: connect again.'

const ROUTE = { exposeHeadRoute: false, config: { isStream: true } }

/** Routes that send changes as server-sent events. */
export function eventRoutes(
  app: FastifyInstance,
  context: RouteContext,
  { drivers, views, h3Resolution }: EventsOptions,
): void {
  const { instance, subscribers } = context
  const feeds = new CellFeeds(drivers, (error) =>
    app.log.error({ ...errorFields(error), err: error }, 'reading a watched cell failed'),
  )

  app.get<{ Params: { tripId: string } }>(
    '/trips/:tripId/events',
    {
      ...ROUTE,
      schema: {
        tags: ['trips'],
        operationId: 'followTrip',
        summary: 'A trip, and its changes',
        description: `The trip now, and after every commit that changes it: event \`trip\`.${ABOUT_STREAMS}`,
        params: Type.Object({ tripId: Type.String({ minLength: 1, examples: ['trip-1'] }) }),
        response: streamAnswer,
      },
    },
    (request, reply) => {
      const { tripId } = request.params
      const { store } = views.trips
      return rowEvents(context, request, reply, {
        store,
        key: tripId,
        event: 'trip',
        read: (share) => instance.getJson(store, tripId, share),
        watch: (onChange) => instance.watch(store, tripId, onChange),
        otherwise: `there is no trip ${tripId}`,
      })
    },
  )

  app.get<{ Params: { h3: string }; Querystring: { limit: number } }>(
    '/cells/:h3/events',
    {
      ...ROUTE,
      schema: {
        tags: ['drivers'],
        operationId: 'followCell',
        summary: 'Drivers in a cell, and their changes',
        description: `The drivers in the cell now, as GET /cells/{h3} answers them, and when they have changed (looked at once a second): event \`drivers\`.${ABOUT_STREAMS}`,
        params: Type.Object({ h3: Type.String({ description: 'H3 index', examples: ['872a100d2ffffff'] }) }),
        querystring: Type.Object({ limit: pageQuery.limit }),
        response: streamAnswer,
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
