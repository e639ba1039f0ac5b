import websocket from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HttpError, isForeign, LiveState, notFound, type RouteContext } from '../../../infra/http/index.ts'
import { failures, pageOf, pageQuery, streamAnswer } from '../../../infra/http/schemas/index.ts'
import { errorFields } from '../../../infra/logging/index.ts'
import { MOST_ID } from '../../../processors/events/schemas.ts'
import { TRIP_STATE_STORE } from '../../../processors/topics.ts'
import type { RecordTracer } from '../../../runtime/index.ts'
import { Type } from '../../../topology/json-schema/index.ts'
import type { Tail } from '../../topics/open-tail.ts'
import { mayWait } from '../offers/may-wait.ts'
import { OfferDesk } from '../offers/offer-desk.ts'
import { PushSocket } from '../offers/push-socket.ts'
import { driverOfferSchema } from '../schemas.ts'

export interface OfferOptions {
  /** Reads trip.offers; null: the processor trip-offers does not run. */
  readonly openOffers: (() => Promise<Tail>) | null
  /** Origins of pages that may open a WebSocket, besides this server's own. */
  readonly corsOrigins: readonly string[]
  /** null: pushes are not traced. */
  readonly tracer: RecordTracer | null
}

interface Asked {
  Params: { readonly driverId: string }
  Querystring: { readonly limit: number }
}

const params = Type.Object({
  driverId: Type.String({ minLength: 1, maxLength: MOST_ID, examples: ['driver-3'] }),
})

const ABOUT =
  'Offers of trips that wait for a driver, the latest first. Any instance answers: it reads trip.offers itself, from the last 5,000 ' +
  'requests of each partition on.'

/** Routes for the offers of a driver: GET /drivers/:driverId/offers, and the same pushed. */
export function offerRoutes(
  app: FastifyInstance,
  { instance, router, subscribers }: RouteContext,
  { openOffers, corsOrigins, tracer }: OfferOptions,
): void {
  const desk = new OfferDesk({
    tracer,
    open() {
      if (openOffers === null) throw notFound('trip-offers does not run here (PROCESSORS says which processors run)')
      return openOffers()
    },
    async isWaiting(tripId) {
      const asker = { id: 'offers', url: `/trip?tripId=${encodeURIComponent(tripId)}`, headers: {} }
      const answer = await router.one<string>(
        asker,
        TRIP_STATE_STORE,
        tripId,
        (share) => instance.getJson(TRIP_STATE_STORE, tripId, share),
        (body) => body,
      )
      return mayWait(answer)
    },
    onFailed: (error) => app.log.error({ ...errorFields(error), err: error }, 'reading offers failed'),
  })
  app.addHook('onClose', () => desk.close())

  app.get<Asked>(
    '/drivers/:driverId/offers',
    {
      schema: {
        tags: ['drivers'],
        operationId: 'listOffers',
        summary: 'Open offers of a driver',
        description: ABOUT,
        params,
        querystring: Type.Object({ limit: pageQuery.limit }),
        response: { 200: pageOf(driverOfferSchema), ...failures },
      },
    },
    async (request, reply) => {
      reply.header('content-type', 'application/json; charset=utf-8')
      return await desk.read(request.params.driverId, request.query.limit)
    },
  )

  const sse = (request: FastifyRequest<Asked>, reply: FastifyReply) =>
    subscribers.opening(async () => {
      const { driverId } = request.params
      await desk.read(driverId, Number.POSITIVE_INFINITY)
      let stop = (): void => undefined
      const opened = subscribers.open(request, reply, { headers: {}, onClosed: () => stop() })
      const live = new LiveState(opened, 'offers')
      stop = desk.listen(driverId, { changed: (json) => live.set(json), lost: () => opened.end('moved') })
    })

  app.route<Asked>({
    method: 'GET',
    url: '/drivers/:driverId/offers/events',
    exposeHeadRoute: false,
    config: { isStream: true },
    schema: {
      tags: ['drivers'],
      operationId: 'followOffers',
      summary: 'Open offers of a driver, and their changes',
      description:
        `${ABOUT} Event \`offers\`: the page that GET /drivers/{driverId}/offers answers, now and after each change: a new offer at ` +
        'once, one that another driver has taken within a second. The last event is `end` with {"reason": "moved" | "shutdown" | ' +
        '"slow"}: connect again. As a WebSocket each message is a page; the close codes are 1012, 1001 and 1013 with the same reasons.',
      params,
      response: streamAnswer,
    },
    // Browsers let any page open a WebSocket to anywhere, with its origin.
    preValidation(request, _reply, done) {
      done(request.ws && isForeign(request, corsOrigins) ? foreignOrigin() : undefined)
    },
    handler: sse,
    wsHandler(ws, request) {
      const opening = subscribers.opening(async () => {
        const { driverId } = request.params
        await desk.read(driverId, Number.POSITIVE_INFINITY)
        // The client may have left meanwhile, and nothing would tell.
        if (ws.readyState !== ws.OPEN) return
        // A server that stops ends the push inside hold().
        let release: () => unknown = () => undefined
        let stop = (): void => undefined
        const push = new PushSocket(ws, request.raw.socket, {
          onClosed(reason) {
            release()
            stop()
            if (reason === 'slow')
              request.log.warn({ reqId: request.id, url: request.url }, 'a push is too slow: ended')
          },
        })
        release = subscribers.hold(push)
        const live = new LiveState(push, 'offers')
        stop = desk.listen(driverId, { changed: (json) => live.set(json), lost: () => push.end('moved') })
      })
      opening.catch((error: unknown) => {
        const { code } = error as { readonly code?: unknown }
        ws.close(1013, typeof code === 'string' ? code : 'INTERNAL')
      })
    },
  })
}

function foreignOrigin(): HttpError {
  return new HttpError(
    403,
    'ORIGIN_NOT_ALLOWED',
    'pages of other origins may not connect: HTTP_CORS_ORIGINS lists them',
  )
}

/** For routes that are WebSockets too. */
export async function withWebSockets(app: FastifyInstance, routes: (scope: FastifyInstance) => void): Promise<void> {
  await app.register(websocket, { options: { maxPayload: 1024, perMessageDeflate: false } })
  routes(app)
}
