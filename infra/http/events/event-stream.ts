import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { HttpError } from '../errors.ts'

/** Most bytes that wait for a client; the events are whole states, so skipping some loses nothing. */
const MAX_WAITING_BYTES = 256 * 1024
const HEARTBEAT_MS = 15_000
/** Pause of a client before it connects again, ms. */
const RETRY_MS = 1000

/**
 * Why a stream ends:
 * - moved: another instance has the data now; connect again, and the request finds it
 * - shutdown: this instance stops; connect again, to another one if there is one
 * - slow: the client took too long to read
 */
export type EndReason = 'moved' | 'shutdown' | 'slow'

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

/*
 * Owns one answer that is a stream of server-sent events.
 * 1. A client that has not taken what was sent by the second heartbeat after it, or that lets more than MAX_WAITING_BYTES wait, is
 *    dropped as slow. `isBlocked` tells a caller that sends states to wait and send the latest.
 * 2. onClosed is called once, whichever side ended it.
 */
export class EventStream {
  readonly #raw: FastifyReply['raw']
  readonly #options: EventStreamOptions
  readonly #beats: NodeJS.Timeout
  #beatsBlocked = 0
  #isClosed = false

  constructor(reply: FastifyReply, options: EventStreamOptions) {
    reply.hijack()
    this.#raw = reply.raw
    this.#options = options
    this.#raw.on('close', () => this.#closed('client'))
    // The client may have left while its stream was prepared.
    if (this.#raw.destroyed) queueMicrotask(() => this.#closed('client'))
    this.#raw.on('error', () => this.#closed('client'))
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
    this.#beats = setInterval(() => this.#beat(), options.heartbeatMs ?? HEARTBEAT_MS)
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
    if (this.#isClosed) return
    this.#raw.write(text)
    if (this.#raw.writableLength > MAX_WAITING_BYTES) this.end('slow')
  }

  /** Tells the client why, and ends; one that is passed on just breaks off, as it may be in the middle of an event. */
  end(reason: EndReason): void {
    if (this.#isClosed) return
    if (this.#options.isPassedOn === true) this.#raw.destroy()
    else this.#raw.end(`event: end\ndata: ${JSON.stringify({ reason })}\n\n`)
    // A client that does not read will not read the end either.
    if (reason === 'slow') this.#raw.destroy()
    this.#closed(reason)
  }

  /** Ends this stream after the stream that it passes on has ended. */
  finish(): void {
    if (this.#isClosed) return
    this.#raw.end()
    this.#closed('moved')
  }

  #beat(): void {
    this.#beatsBlocked = this.isBlocked ? this.#beatsBlocked + 1 : 0
    if (this.#beatsBlocked > 1) this.end('slow')
    else if (this.#options.isPassedOn !== true) this.write(': still here\n\n')
    if (!this.#isClosed) this.#options.onBeat?.()
  }

  #closed(reason: EndReason | 'client'): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#beats)
    this.#options.onClosed(reason)
  }
}

export interface SubscribersOptions {
  /** Streams at the same time at most. */
  readonly limit: number
  readonly heartbeatMs?: number
}

/** A connection that sends until one side ends it. */
export interface Held {
  end(reason: EndReason): void
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
