import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { HttpError } from '../errors.ts'
import { type EndReason, type Held, LiveConnection } from './live-connection.ts'

/** Pause of a client before it connects again, ms. */
const RETRY_MS = 1000

export interface EventStreamOptions {
  /** Headers of the answer in addition to those of an event stream. */
  readonly headers: Readonly<Record<string, string>>
  /** Called with each heartbeat. */
  readonly onBeat?: () => void
  /** The text comes from another instance, heartbeats included: nothing may be inserted. */
  readonly isPassedOn?: boolean
  readonly onClosed: (reason: EndReason | 'client') => void
  readonly heartbeatMs?: number
}

/** One answer that is a stream of server-sent events. `isBlocked` tells a caller that sends states to wait and send the latest. */
export class EventStream implements Held {
  readonly #raw: FastifyReply['raw']
  readonly #options: EventStreamOptions
  readonly #connection: LiveConnection

  constructor(reply: FastifyReply, options: EventStreamOptions) {
    reply.hijack()
    this.#raw = reply.raw
    this.#options = options
    const { onClosed, heartbeatMs } = options
    const wire = {
      waitingBytes: () => this.#raw.writableLength,
      isBehind: () => this.isBlocked,
      beat: () => this.#beat(),
      end: (reason: EndReason) => this.#sendEnd(reason),
    }
    this.#connection = new LiveConnection({ wire, onClosed, heartbeatMs })
    this.#raw.on('close', () => this.#connection.closed('client'))
    // The client may have left while its stream was prepared.
    if (this.#raw.destroyed) queueMicrotask(() => this.#connection.closed('client'))
    this.#raw.on('error', () => this.#connection.closed('client'))
    this.#raw.writeHead(200, {
      // A hijacked reply would leave out the headers that were set on it, as CORS does.
      ...(reply.getHeaders() as OutgoingHttpHeaders),
      ...options.headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      // Else the connection stays idle behind the end, and a server that closes waits for it.
      connection: 'close',
    })
    if (options.isPassedOn !== true) this.#raw.write(`retry: ${RETRY_MS}\n\n`)
  }

  get isBlocked(): boolean {
    return this.#raw.writableNeedDrain
  }

  /** Calls the listener once the sent data has gone out, or never. */
  onDrain(listener: () => void): void {
    this.#raw.once('drain', listener)
  }

  /** `json`: one line. */
  send(event: string, json: string): void {
    this.write(`event: ${event}\ndata: ${json}\n\n`)
  }

  /** Text of the stream as it is. */
  write(text: string | Buffer): void {
    if (this.#connection.isClosed) return
    this.#raw.write(text)
    this.#connection.sent()
  }

  /** Tells the client why, and ends; one that is passed on just breaks off, as it may be in the middle of an event. */
  end(reason: EndReason): void {
    this.#connection.end(reason)
  }

  /** Ends this stream after the stream that it passes on has ended. */
  finish(): void {
    if (this.#connection.isClosed) return
    this.#raw.end()
    this.#connection.closed('moved')
  }

  #sendEnd(reason: EndReason): void {
    if (this.#options.isPassedOn !== true) this.#raw.end(`event: end\ndata: ${JSON.stringify({ reason })}\n\n`)
    if (this.#options.isPassedOn === true || reason === 'slow') this.#raw.destroy()
  }

  #beat(): void {
    if (this.#options.isPassedOn !== true) this.write(': still here\n\n')
    if (!this.#connection.isClosed) this.#options.onBeat?.()
  }
}

export interface SubscribersOptions {
  /** Streams at the same time at most. */
  readonly limit: number
  readonly heartbeatMs?: number
}

/** The open event streams of a server, and connections of other kinds that send: their number is bounded, and they all end with it. */
export class Subscribers {
  readonly #streams = new Set<Held>()
  readonly #options: SubscribersOptions
  #opening = 0
  #isClosing = false

  constructor(options: SubscribersOptions) {
    this.#options = options
  }

  /**
   * Counts a stream that `prepare` is about to open, so that many at once do not pass the limit together.
   * @throws HttpError 503 when there is no room for it
   */
  async opening<T>(prepare: () => Promise<T>): Promise<T> {
    const { limit } = this.#options
    if (this.#isClosing || this.#streams.size + this.#opening >= limit) {
      throw new HttpError(
        503,
        'TOO_MANY_SUBSCRIBERS',
        `${limit} event streams are open already, the limit of this instance: try again later`,
      )
    }
    this.#opening++
    try {
      return await prepare()
    } finally {
      this.#opening--
    }
  }

  open(request: FastifyRequest, reply: FastifyReply, options: EventStreamOptions): EventStream {
    const stream = new EventStream(reply, {
      ...this.#options,
      ...options,
      onClosed: (reason) => {
        this.#streams.delete(stream)
        if (reason === 'slow')
          request.log.warn({ reqId: request.id, url: request.url }, 'event stream ended: the client is too slow')
        options.onClosed(reason)
      },
    })
    this.hold(stream)
    return stream
  }

  /** Counts a connection that is no EventStream, until the answer is called. To be called inside opening(). */
  hold(stream: Held): () => void {
    this.#streams.add(stream)
    if (this.#isClosing) stream.end('shutdown')
    return () => this.#streams.delete(stream)
  }

  closeAll(): void {
    this.#isClosing = true
    for (const stream of this.#streams) stream.end('shutdown')
  }
}
