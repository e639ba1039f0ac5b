import type { FastifyInstance } from 'fastify'
import type { StreamsInstance } from '../../../runtime/ports/instance.ts'
import { type Config, formatHostPort } from '../../config/index.ts'
import { createLogger, type Logger, SafeLogger } from '../../logging/index.ts'
import { latestLetters } from '../../streams/dead-letters/index.ts'
import { requirePackages } from '../../streams/optional-packages.ts'
import type { HttpApplication } from '../application.ts'
import type { HttpLimits } from '../limits.ts'
import type { KeyReader } from '../routes/stores.ts'
import type { HttpOptions } from '../server.ts'

/** A running instance; one made by `new KafkaStreams` knows its settings and its logger. */
export interface ServedStreams extends StreamsInstance {
  readonly settings?: Config
  readonly logger?: Logger | null
}

/** Without an option its value is that of the streams' configuration (docs/configuration.md), in brackets. */
export interface ServeQueriesOptions {
  /** A fastify of your own: the routes become a plugin of it. It listens when you say so. Default: a server that listens at once. */
  readonly fastify?: FastifyInstance | undefined
  /** Path before all routes, with a fastify of your own; the same for all instances. Default none. */
  readonly prefix?: string | undefined
  /** Address to listen on (httpHost, default 127.0.0.1). */
  readonly host?: string | undefined
  /** Port to listen on; 0 = any free one (httpPort, default 8080). */
  readonly port?: number | undefined
  /** Clients send it as `authorization: Bearer`; instances prove to each other that they have it, too (httpToken). */
  readonly token?: string | null | undefined
  /** Requests change nothing, as the dashboard's redrive of a dead letter would (httpReadOnly). */
  readonly readOnly?: boolean | undefined
  /** PEM: certificate and key of the server, and the authorities of the other instances' certificates (httpTlsCert, httpTlsKey, httpTlsCa). */
  readonly tls?: HttpOptions['tls'] | undefined
  /** Names that clients may call the server by, in addition to addresses; `*` = any (httpAllowedHosts). */
  readonly allowedHosts?: readonly string[] | undefined
  /** How long a request with x-min-offset waits, ms (httpMinOffsetWaitMs). */
  readonly minOffsetWaitMs?: number | undefined
  /** Streams of server-sent events at the same time, at most (httpMaxSubscribers). */
  readonly maxSubscribers?: number | undefined
  readonly limits?: Partial<HttpLimits> | undefined
  /** By store: reads a key as a URL has it. Only for keys whose serde has no text form; without, it is the base64 of the key's bytes. */
  readonly keys?: Readonly<Record<string, KeyReader>> | undefined
  /** The live dashboard at /dashboard. Default false. It needs the packages uplot and @dagrejs/dagre. */
  readonly dashboard?: boolean | undefined
  /** Routes and panels of your own, beside those of every topology. */
  readonly application?: HttpApplication | undefined
  /** The streams' settings, when `streams` does not know them. */
  readonly settings?: Config | undefined
  readonly logger?: Logger | undefined
}

export interface QueryServer {
  /** `http://host:port` as bound; empty with a fastify of your own. */
  readonly url: string
  /** Stops accepting, lets running requests end. A fastify of your own is closed as a whole. */
  close(): Promise<void>
}

/**
 * Serves the stores of an instance over HTTP (docs/serving.md): any instance answers any key, because it asks the one that has it.
 * @throws MissingPackageError without fastify, @fastify/swagger and undici; HttpBindError
 */
export async function serveQueries(streams: ServedStreams, options: ServeQueriesOptions = {}): Promise<QueryServer> {
  const { fastify, prefix = '', dashboard = options.application?.dashboard !== undefined } = options
  requirePackages('queries over HTTP', ['fastify', '@fastify/swagger', 'undici'])
  if (dashboard) requirePackages('dashboards', ['uplot', '@dagrejs/dagre'])
  // Programs that serve nothing load none of it.
  const { addQueryRoutes, startHttp } = await import('../server.ts')
  const settings = options.settings ?? streams.settings ?? null
  const http = httpOptions(streams, { ...options, dashboard }, settings)
  if (fastify !== undefined) {
    await addQueryRoutes(fastify, prefix, http)
    return { url: '', close: () => fastify.close() }
  }
  const { host = settings?.httpHost ?? '127.0.0.1', port = settings?.httpPort ?? 8080 } = options
  return await startHttp(http, host, port)
}

function httpOptions(streams: ServedStreams, options: ServeQueriesOptions, settings: Config | null): HttpOptions {
  const { application, dashboard, keys, limits } = options
  const { minOffsetWaitMs = settings?.httpMinOffsetWaitMs, maxSubscribers = settings?.httpMaxSubscribers } = options
  return {
    instance: streams,
    application,
    dashboard,
    keys,
    limits,
    letters: settings === null || dashboard !== true ? undefined : latestLetters(settings),
    readOnly: options.readOnly ?? settings?.httpReadOnly ?? false,
    token: options.token === undefined ? (settings?.httpToken ?? null) : options.token,
    ...(settings !== null && { applicationId: settings.applicationId, announced: announcedBy(settings) }),
    allowedHosts: options.allowedHosts ?? namesIn(options, settings),
    tls: options.tls === undefined ? tlsIn(settings) : options.tls,
    ...(minOffsetWaitMs !== undefined && { minOffsetWaitMs }),
    ...(maxSubscribers !== undefined && { maxSubscribers }),
    logger: SafeLogger.of(options.logger ?? streams.logger ?? createLogger({ level: settings?.logLevel ?? 'info' })),
  }
}

function announcedBy({ applicationServer }: Config): string | null {
  return applicationServer === null ? null : formatHostPort(applicationServer)
}

/** A server that is not ours has names that we do not know. */
function namesIn({ fastify, host }: ServeQueriesOptions, settings: Config | null): readonly string[] {
  const { httpAllowedHosts: given = null, httpHost, applicationServer = null } = settings ?? {}
  if (fastify !== undefined && given === null) return ['*']
  const own = [host, httpHost, applicationServer?.host]
  return [...(given ?? []), ...own.filter((name) => name !== undefined)]
}

function tlsIn(settings: Config | null): HttpOptions['tls'] {
  const { httpTlsCert: cert = null, httpTlsKey: key = null, httpTlsCa: ca = null } = settings ?? {}
  return cert === null || key === null ? null : { cert, key, ca: ca ?? undefined }
}
