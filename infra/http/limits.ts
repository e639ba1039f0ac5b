import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyHttpOptions, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AnswerRoomLimits } from './answer-room.ts'
import { Connections } from './connections.ts'
import { MAX_CURSOR } from './cursor.ts'
import { errorBody, HttpError } from './errors.ts'

/** Bounds of a client's cost. Times in ms, sizes in bytes. */
export interface HttpLimits extends AnswerRoomLimits {
  /** Most bytes of path and query, less a cursor where the route takes one. */
  readonly maxUrlBytes: number
  /** Most bytes of the request line and all headers. */
  readonly maxHeaderBytes: number
  readonly maxBodyBytes: number
  /** Most characters of one value in the path. */
  readonly maxParamLength: number
  /** Limit of concurrent requests; event streams are counted separately. */
  readonly maxConcurrent: number
  /** Limit of connections; one more ends the connection that has been idle longest. */
  readonly maxConnections: number
  /** From the first byte of a request, or the connection, to the end of its headers. */
  readonly headersTimeoutMs: number
  /** To the end of its body. */
  readonly requestTimeoutMs: number
  /** From the request to the answer. */
  readonly handlerTimeoutMs: number
  /** An answer that takes longer is logged. */
  readonly slowMs: number
  /** A connection on which nothing moves. */
  readonly idleTimeoutMs: number
}

export const DEFAULT_LIMITS: HttpLimits = {
  // Room for an id of 1,024 characters of nine bytes each in a URL, and the rest.
  maxUrlBytes: 12 * 1024,
  maxHeaderBytes: 16 * 1024 + MAX_CURSOR,
  maxBodyBytes: 64 * 1024,
  // The same id of characters that stay encoded until the path is taken apart, as `%2F` does.
  maxParamLength: 3 * 1024,
  maxConcurrent: 1000,
  maxConnections: 4000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  handlerTimeoutMs: 90_000,
  slowMs: 1000,
  idleTimeoutMs: 120_000,
  maxListRows: 4000,
  maxUnsentBytes: 64 * 1024 * 1024,
  sendTimeoutMs: 60_000,
}

/** How often Node checks for requests that take too long to arrive. */
const CHECK_EVERY_MS = 1000
const KEEP_ALIVE_MS = 65_000

export function limitOptions(limits: HttpLimits): FastifyHttpOptions<Server> {
  return {
    bodyLimit: limits.maxBodyBytes,
    routerOptions: { maxParamLength: limits.maxParamLength },
    requestTimeout: limits.requestTimeoutMs,
    connectionTimeout: limits.idleTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, limits.headersTimeoutMs),
      // Java's client asks every server for HTTP/2. A server that upgrades nothing else goes on with such a connection.
      shouldUpgradeCallback: isWebSocket,
    },
    clientErrorHandler: refuse,
  }
}

/** Enforces the limits on requests whose headers have arrived. */
export function enforceLimits(
  app: FastifyInstance,
  limits: HttpLimits,
  { boundsConnections }: { readonly boundsConnections: boolean },
): void {
  const { maxUrlBytes, maxConcurrent, maxConnections, handlerTimeoutMs } = limits
  const connections = boundsConnections ? new Connections(app.server, maxConnections) : null
  const deadlines = new Deadlines(handlerTimeoutMs)
  app.addHook('onClose', () => deadlines.end())
  let running = 0
  let isClosing = false
  app.addHook('preClose', (done) => {
    isClosing = true
    done()
  })
  app.addHook('onRequest', (request, reply, done) => {
    if (isClosing) return done(new HttpError(503, 'CLOSING', 'this instance is stopping'))
    if (request.url.length > maxUrlBytes && request.url.length > maxUrlBytes + cursorRoom(request)) {
      return done(new HttpError(414, 'URI_TOO_LONG', `path and query take at most ${maxUrlBytes} bytes`))
    }
    const isCounted = request.routeOptions.config.isStream !== true
    if (isCounted && running >= maxConcurrent) {
      return done(
        new HttpError(
          503,
          'TOO_BUSY',
          `${maxConcurrent} requests are under way already, the limit of this instance: try again later`,
        ),
      )
    }
    if (isCounted) running++
    deadlines.add(reply)
    const { socket } = request.raw
    connections?.busy(socket)
    if (isWebSocket(request)) {
      // Node reads nothing more from the connection, whether it becomes a WebSocket or its request is refused.
      reply.header('connection', 'close')
      reply.raw.on('finish', () => socket.destroySoon())
    }
    // Comes also for a client that has gone away.
    reply.raw.on('close', () => {
      if (isCounted) running--
      deadlines.remove(reply)
      connections?.idle(socket)
    })
    done()
  })
}

function isWebSocket({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

function cursorRoom({ routeOptions }: FastifyRequest): number {
  return routeOptions.config.hasCursor === true ? MAX_CURSOR : 0
}

/*
 * Owns until when each request under way must be answered. One timer looks at all of them: one per request, as fastify's
 * handlerTimeout sets, costs a tenth of a query.
 * 1. All have the same time, so those that came first are due first.
 */
class Deadlines {
  readonly #timeoutMs: number
  readonly #begun = new Map<FastifyReply, number>()
  readonly #timer: NodeJS.Timeout

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#timer = setInterval(() => this.#look(), Math.min(CHECK_EVERY_MS, timeoutMs / 4)).unref()
  }

  add(reply: FastifyReply): void {
    this.#begun.set(reply, performance.now())
  }

  remove(reply: FastifyReply): void {
    this.#begun.delete(reply)
  }

  end(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const due = performance.now() - this.#timeoutMs
    for (const [reply, begun] of this.#begun) {
      if (begun > due) return
      this.#begun.delete(reply)
      // A stream of events has as long as it likes.
      if (reply.sent) continue
      if (reply.raw.headersSent) reply.raw.destroy()
      else reply.send(new HttpError(503, 'TIMEOUT', 'the answer took too long'))
    }
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its cursors hold ids, which may be long. */
    hasCursor?: boolean
    /** Answers as long as the client likes. */
    isStream?: boolean
    /** True for answers that cost less than measuring them. */
    isQuick?: boolean
  }
}

const REFUSALS: Readonly<Record<string, { status: string; code: string; message: string }>> = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    code: 'HEADERS_TOO_LARGE',
    message: 'the request line and headers are too large',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: '408 Request Timeout',
    code: 'REQUEST_TIMEOUT',
    message: 'the request took too long to arrive',
  },
}
const NOT_HTTP = { status: '400 Bad Request', code: 'BAD_REQUEST', message: 'the bytes are not an HTTP request' }

/** Refuses bytes that are not a request: sends the common error shape and ends the connection. */
function refuse(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, code, message } = REFUSALS[error.code ?? ''] ?? NOT_HTTP
  const body = JSON.stringify(errorBody(code, message))
  const head = `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`
  socket.end(head + body, () => socket.destroy())
}
