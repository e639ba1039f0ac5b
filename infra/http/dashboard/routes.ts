import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { StreamsInstance } from '../../../runtime/ports/instance.ts'
import { FencedError, StreamsError } from '../../../state/ports/errors.ts'
import { Type } from '../../../topology/json-schema/index.ts'
import type { Logger } from '../../logging/logger.ts'
import type { LetterSource } from '../../streams/dead-letters/latest-letters.ts'
import { letterView } from '../../streams/dead-letters/letter-view.ts'
import { Peers, type PeersOptions } from '../cluster/peers.ts'
import { HttpError, notFound } from '../errors.ts'
import type { Writes } from '../writes.ts'
import type { DashboardPart } from './application.ts'
import { ClusterShares, SHARE_PATH } from './cluster-shares.ts'
import { dashboardSections } from './dashboard-sections.ts'
import { FlowReadings } from './flow-readings.ts'
import { LiveFeed, MOST_VIEWERS } from './live-feed.ts'
import { LocalShare } from './local-share.ts'
import { PageFiles } from './page-files.ts'
import type { LetterDetail, LetterSent } from './sections/index.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** True: served without HTTP_TOKEN, because it holds no data. */
    readonly open?: boolean
  }
}

/** Allows only our own files, nothing inline and no frame, so that text of others cannot become code. */
const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const

const DAY_S = 86_400
const historyQuery = Type.Object({ seconds: Type.Integer({ minimum: 1, maximum: DAY_S, default: 600 }) })

export interface DashboardOptions {
  readonly instance: StreamsInstance
  /** The application's part. */
  readonly part: DashboardPart | undefined
  /** Serve the page at / too. */
  readonly hasRoot: boolean
  readonly title: string
  readonly aboutMissingStores: string
  /** Without, none are shown. */
  readonly letters: LetterSource | undefined
  /** Decides who may send letters back. */
  readonly writes: Writes
  readonly peers: PeersOptions
  readonly logger: Logger
}

/** GET /dashboard: the live dashboard, and below it its files, its event stream, and this instance's share for the others' dashboards. */
export function dashboardRoutes(app: FastifyInstance, options: DashboardOptions): void {
  const { instance, part, title, hasRoot, aboutMissingStores, letters = null, writes, logger } = options
  const { sections = [] } = part ?? {}
  const own = new LocalShare({ instance, sections, aboutMissingStores })
  const peers = new Peers(options.peers)
  const shares = new ClusterShares({ instance, own: own.read, peers, path: `${app.prefix}${SHARE_PATH}` })
  const files = new PageFiles({ part, title })
  const readings = new FlowReadings()
  const feed = new LiveFeed({
    flow: async () => readings.read(instance, await instance.metrics()),
    sections: dashboardSections({ shares, sections, letters }),
    aboutMissingStores,
    logger,
  })
  app.addHook('onListen', async () => feed.start())
  app.addHook('preClose', () => feed.close())
  app.addHook('onClose', () => peers.close())

  const schema = { hide: true }
  const page = { schema, config: { open: true } }

  for (const path of hasRoot ? ['/', '/dashboard'] : ['/dashboard']) {
    app.get(path, page, (request, reply) => sendFile(files, 'index.html', request, reply))
  }

  app.get<{ Params: { '*': string } }>('/dashboard/*', page, (request, reply) =>
    sendFile(files, request.params['*'], request, reply),
  )

  app.get(SHARE_PATH, { schema }, () => own.read())

  app.get<{ Querystring: { seconds: number } }>(
    '/dashboard/history',
    { schema: { ...schema, querystring: historyQuery } },
    ({ query }) => feed.history.points(query.seconds),
  )

  app.get<{ Params: { letter: string } }>(
    '/dashboard/letters/:letter',
    { schema },
    async ({ params }): Promise<LetterDetail> => {
      const found = await letters?.find(params.letter)
      if (found == null) throw notFound(`dead letter ${params.letter} is not among the latest`)
      const { letter, isRedriven, diedAgainAs } = found
      return { ...letterView(letter), isRedriven, diedAgainAs, mayRedrive: !writes.isReadOnly }
    },
  )

  app.post<{ Params: { letter: string } }>(
    '/dashboard/letters/:letter/redrive',
    { schema },
    async (request): Promise<LetterSent> => {
      writes.check(request)
      const { letter } = request.params
      const sent = await letters?.redrive(letter).catch(redriveFailed)
      if (sent == null) throw notFound(`dead letter ${letter} is not among the latest`)
      const { target, result } = sent
      request.log.info({ reqId: request.id, letter, target, result }, 'redrive of a dead letter')
      return { letter, target, result }
    },
  )

  app.get('/dashboard/events', { schema, exposeHeadRoute: false }, (_request, reply) => {
    if (feed.viewers.isFull) {
      throw new HttpError(
        503,
        'TOO_MANY_VIEWERS',
        `the dashboard already has ${MOST_VIEWERS} viewers, its limit: try again later`,
      )
    }
    reply.hijack()
    reply.raw.writeHead(200, {
      ...(reply.getHeaders() as OutgoingHttpHeaders),
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    })
    feed.join(reply.raw)
  })
}

/** The operator is told what the brokers said: a topic that we may not write to, or brokers that do not answer. */
function redriveFailed(error: unknown): never {
  if (error instanceof FencedError) {
    throw new HttpError(409, 'REDRIVE_INTERRUPTED', 'another redrive began at the same time: try again')
  }
  if (error instanceof StreamsError) throw new HttpError(502, 'REDRIVE_FAILED', error.message)
  throw error
}

async function sendFile(files: PageFiles, name: string, request: FastifyRequest, reply: FastifyReply): Promise<Buffer> {
  const file = await files.get(name)
  if (file === null) throw notFound(`the dashboard has no file ${name}`)
  const { type, etag, body, gzipped } = file
  reply.headers({ ...SECURITY_HEADERS, etag, 'cache-control': 'no-cache', vary: 'accept-encoding' }).type(type)
  if (request.headers['if-none-match'] === etag) {
    reply.code(304)
    return Buffer.alloc(0)
  }
  if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return body
  reply.header('content-encoding', 'gzip')
  return gzipped
}
