import swagger from '@fastify/swagger'
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify'
import type { StreamsInstance } from '../../runtime/ports/instance.ts'
import type { Logger } from '../logging/logger.ts'
import { InstanceProof } from '../proof/instance-proof.ts'
import { allowHosts } from './allowed-hosts.ts'
import { boundAnswers } from './answer-room.ts'
import type { HttpApplication } from './application.ts'
import { requireToken } from './auth.ts'
import type { PeersOptions } from './cluster/peers.ts'
import { QueryRouter } from './cluster/query-router.ts'
import type { LetterSource } from './dashboard/dashboard-sections.ts'
import { dashboardRoutes } from './dashboard/routes.ts'
import { errorBody, sendError } from './errors.ts'
import { Subscribers } from './events/event-stream.ts'
import { FailedRequests } from './failed-requests.ts'
import { DEFAULT_LIMITS, enforceLimits, type HttpLimits, limitOptions } from './limits.ts'
import { HttpBindError } from './port/http-bind-error.ts'
import { requestIds } from './request-id.ts'
import { healthRoutes } from './routes/health.ts'
import { operationsRoutes } from './routes/operations.ts'

export interface HttpOptions {
  readonly instance: StreamsInstance
  readonly application: HttpApplication
  /** The topology as a JSON graph, for GET /topology. */
  readonly topology: unknown
  /** Dead letters for the dashboard; none are shown without. */
  readonly letters?: LetterSource
  /** HTTP_TOKEN, the same for all instances. */
  readonly token: string | null
  /** Application of these instances. Their proofs to each other contain it. */
  readonly applicationId?: string
  /** APPLICATION_SERVER, host:port; null: no instance asks this one, or they use the address it listens on. */
  readonly announced?: string | null
  /** Names that requests may have in their Host header, in addition to addresses and `localhost`. Default all. */
  readonly allowedHosts?: readonly string[]
  /** PEM: certificate and key of this server, and the authorities of the others' certificates (undefined = the system's). */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string | undefined } | null
  /** HTTP_MIN_OFFSET_WAIT_MS */
  readonly minOffsetWaitMs?: number
  /** HTTP_MAX_SUBSCRIBERS */
  readonly maxSubscribers?: number
  readonly limits?: Partial<HttpLimits>
  readonly logger: Logger
}

export interface HttpServer {
  /** `http://host:port` as bound. */
  readonly url: string
  /** Stops accepting, lets running requests end. */
  close(): Promise<void>
}

/** All routes (docs/queries.md) that one instance answers, not yet listening (tests inject requests). */
export async function createHttpApp(options: HttpOptions): Promise<FastifyInstance> {
  const logger: FastifyBaseLogger = options.logger
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const { title, description, aboutMissingStores, routes, dashboard } = options.application
  const failures = new FailedRequests(options.logger)
  const errors = { failures, aboutMissingStores }
  const app = fastify({
    // Our own logger for all requests; FailedRequests names the request itself. (Fastify's own listens to the end of every
    // answer.)
    childLoggerFactory: () => logger,
    logController: new LogController({ disableRequestLogging: true }),
    ...limitOptions(limits),
    ...(options.tls != null && { https: { cert: options.tls.cert, key: options.tls.key } }),
    genReqId: requestIds(),
    // Disabled because limits.ts answers in the common error shape.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      void sendError(error, request, reply, errors)
    },
  })
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, errors))
  failures.watchSlow(app, limits.slowMs)
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send(errorBody('NOT_FOUND', `there is no route ${request.method} ${request.url.split('?', 1)[0]}`)),
  )
  // Response schemas only document: values are sent unchanged, so that no field can be lost.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  enforceLimits(app, limits)
  boundAnswers(app, limits)
  allowHosts(app, options.allowedHosts ?? ['*'])
  const { token, applicationId = '', announced = null, tls = null } = options
  const proof = token === null ? null : new InstanceProof(token, applicationId)
  if (token !== null && proof !== null) requireToken(app, { token, proof, announced })
  const peers: PeersOptions = { proof, tls: tls === null ? null : { ca: tls.ca } }
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, version: '1.0', description },
      ...(options.token === null
        ? {}
        : {
            components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
            security: [{ bearer: [] }],
          }),
    },
  })
  const router = new QueryRouter({
    instance: options.instance,
    peers,
    minOffsetWaitMs: options.minOffsetWaitMs ?? 5000,
  })
  app.addHook('onClose', () => router.close())
  const subscribers = new Subscribers({ limit: options.maxSubscribers ?? 1000 })
  app.addHook('preClose', (done) => {
    subscribers.closeAll()
    done()
  })
  await app.register((scope, _options, done) => {
    healthRoutes(scope, options.instance)
    routes(scope, { instance: options.instance, router, subscribers })
    operationsRoutes(scope, options.instance, options.topology)
    dashboardRoutes(scope, { ...options, part: dashboard, aboutMissingStores, peers })
    scope.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
    done()
  })
  await app.ready()
  return app
}

/** Binds and serves. Throws HttpBindError. */
export async function startHttp(options: HttpOptions, host: string, port: number): Promise<HttpServer> {
  const app = await createHttpApp(options)
  let url: string
  try {
    url = await app.listen({ host, port })
  } catch (error) {
    await app.close()
    throw new HttpBindError(host, port, error)
  }
  return { url, close: () => app.close() }
}
