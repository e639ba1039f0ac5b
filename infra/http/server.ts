import swagger from '@fastify/swagger'
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify'
import type { StreamsInstance } from '../../runtime/ports/instance.ts'
import type { Logger } from '../logging/logger.ts'
import { InstanceProof } from '../proof/instance-proof.ts'
import type { LetterSource } from '../streams/dead-letters/latest-letters.ts'
import { allowHosts } from './allowed-hosts.ts'
import { boundAnswers } from './answer-room.ts'
import type { HttpApplication } from './application.ts'
import { requireToken } from './auth.ts'
import type { PeersOptions } from './cluster/peers.ts'
import { QueryRouter } from './cluster/query-router.ts'
import { dashboardRoutes } from './dashboard/routes.ts'
import { type SendErrorOptions, sendError } from './errors.ts'
import { Subscribers } from './events/event-stream.ts'
import { FailedRequests } from './failed-requests.ts'
import { LazyValidators } from './lazy-validators.ts'
import { DEFAULT_LIMITS, enforceLimits, type HttpLimits, limitOptions } from './limits.ts'
import { finishDocument } from './openapi/finish-document.ts'
import { HttpBindError } from './port/http-bind-error.ts'
import { requestIds } from './request-id.ts'
import { healthRoutes } from './routes/health.ts'
import { operationsRoutes } from './routes/operations.ts'
import { type KeyReader, storeRoutes } from './routes/stores.ts'
import { schemaError } from './schema-errors.ts'
import { UnknownRoutes } from './unknown-routes.ts'
import { Writes } from './writes.ts'

export interface HttpOptions {
  readonly instance: StreamsInstance
  /** Routes and panels in addition to those of every topology. */
  readonly application?: HttpApplication | undefined
  /** Serve the dashboard. Default: when the application has a part in it. */
  readonly dashboard?: boolean | undefined
  /** Dead letters for the dashboard; none are shown without. */
  readonly letters?: LetterSource | undefined
  /** By store: reads a key as a URL has it, for keys whose serde has no text form. */
  readonly keys?: Readonly<Record<string, KeyReader>> | undefined
  /** HTTP_READ_ONLY: no request changes anything. Default false. */
  readonly readOnly?: boolean
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
  readonly limits?: Partial<HttpLimits> | undefined
  readonly logger: Logger
}

export interface HttpServer {
  /** `http://host:port` as bound. */
  readonly url: string
  /** Stops accepting, lets running requests end. */
  close(): Promise<void>
}

/** A server of its own with all routes (docs/serving.md) that one instance answers, not yet listening (tests inject requests). */
export async function createHttpApp(options: HttpOptions): Promise<FastifyInstance> {
  const logger: FastifyBaseLogger = options.logger
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const errors = errorOptions(options)
  const app = fastify({
    // Our own logger for all requests; FailedRequests names the request itself. (Fastify's own listens to the end of every
    // answer.)
    childLoggerFactory: () => logger,
    logController: new LogController({ disableRequestLogging: true }),
    ...limitOptions(limits),
    ...(options.tls != null && { https: { cert: options.tls.cert, key: options.tls.key } }),
    genReqId: requestIds(),
    // Fastify loads its own only where there are none: composeRoutes has those of all routes.
    schemaController: { compilersFactory: { buildValidator: () => noValidator, buildSerializer: () => asJson } },
    // Disabled because limits.ts answers in the common error shape.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      void sendError(error, request, reply, errors)
    },
  })
  await composeRoutes(app, { ...options, limits, errors, isOwnServer: true })
  await app.ready()
  return app
}

/** The same routes as a plugin of a server that is not ours, under `prefix`. Nothing of it holds for that server's other routes. */
export async function addQueryRoutes(server: FastifyInstance, prefix: string, options: HttpOptions): Promise<void> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const errors = errorOptions(options)
  await server.register((scope) => composeRoutes(scope, { ...options, limits, errors, isOwnServer: false }), { prefix })
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

interface RoutesOptions extends HttpOptions {
  readonly limits: HttpLimits
  readonly errors: SendErrorOptions
  readonly isOwnServer: boolean
}

/** Not declared for all of fastify: the servers of others have no such method. */
type Described = FastifyInstance & { storesOpenApi(): unknown }

/** Adds hooks, limits and routes to a scope of a server. */
async function composeRoutes(app: FastifyInstance, options: RoutesOptions): Promise<void> {
  const { instance, application = {}, limits, errors, isOwnServer, applicationId = '' } = options
  const { token, announced = null, tls = null } = options
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, errors))
  app.setSchemaErrorFormatter(schemaError)
  // A server that is not ours answers itself for what is not below the prefix.
  if (isOwnServer || app.prefix !== '') {
    const unknown = new UnknownRoutes(app)
    app.setNotFoundHandler((request, reply) => unknown.refuse(request, reply))
  }
  errors.failures.watchSlow(app, limits.slowMs)
  // Response schemas only document: values are sent unchanged, so that no field can be lost.
  app.setSerializerCompiler(asJson)
  const validators = new LazyValidators()
  app.setValidatorCompiler(validators.compiler)
  app.addHook('onListen', (done) => {
    validators.warmUp()
    done()
  })
  enforceLimits(app, limits, { boundsConnections: isOwnServer })
  boundAnswers(app, limits)
  allowHosts(app, options.allowedHosts ?? ['*'])
  await application.prepare?.(app)
  const proof = token === null ? null : new InstanceProof(token, applicationId)
  if (token !== null && proof !== null) requireToken(app, { token, proof, announced })
  const peers: PeersOptions = { proof, tls: tls === null ? null : { ca: tls.ca } }
  const title = application.title ?? (applicationId === '' ? 'ride-streams' : applicationId)
  await app.register(swagger, {
    // A server that is not ours may describe itself with the same plugin.
    decorator: 'storesOpenApi',
    openapi: {
      openapi: '3.1.0',
      info: {
        title,
        version: '1.0',
        description: application.description ?? 'Committed state of the streams.',
        ...(application.license !== undefined && { license: { ...application.license } }),
      },
      servers: [{ url: '/' }],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'HTTP_TOKEN' } } },
      // Clients may always send a token; without HTTP_TOKEN it is not looked at.
      security: token === null ? [{}, { bearer: [] }] : [{ bearer: [] }],
    },
    transformObject: (document) => finishDocument('openapiObject' in document ? document.openapiObject : {}),
  })
  const router = new QueryRouter({ instance, peers, minOffsetWaitMs: options.minOffsetWaitMs ?? 5000 })
  app.addHook('onClose', () => router.close())
  const subscribers = new Subscribers({ limit: options.maxSubscribers ?? 1000 })
  app.addHook('preClose', (done) => {
    subscribers.closeAll()
    done()
  })
  await app.register((scope, _options, done) => {
    const context = { instance, router, subscribers }
    healthRoutes(scope, instance)
    storeRoutes(scope, context, options.keys ?? {})
    application.routes?.(scope, context)
    operationsRoutes(scope, instance)
    if (options.dashboard ?? application.dashboard !== undefined) {
      const { letters, logger, readOnly: isReadOnly = false } = options
      const writes = new Writes({ isReadOnly, hasToken: token !== null })
      const { aboutMissingStores } = errors
      const parts = { part: application.dashboard, hasRoot: isOwnServer, title, letters, aboutMissingStores }
      dashboardRoutes(scope, { ...parts, writes, instance, peers, logger })
    }
    scope.get('/openapi.json', { schema: { hide: true } }, () => (app as Described).storesOpenApi())
    done()
  })
}

const noValidator = (): never => {
  throw new Error('a route stands outside composeRoutes')
}
const asJson = () => (data: unknown) => JSON.stringify(data)

function errorOptions({ application, logger }: HttpOptions): SendErrorOptions {
  const { aboutMissingStores = 'GET /stores lists the stores' } = application ?? {}
  return { failures: new FailedRequests(logger), aboutMissingStores }
}
