import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { EndReason, Held, StateSink } from '../../../infra/http/index.ts'

/** Most bytes that wait for a client, as for server-sent events. */
const MAX_WAITING_BYTES = 256 * 1024
const HEARTBEAT_MS = 15_000

/** Close codes of WebSockets (RFC 6455): going away, service restart, try again later. */
const CODES: Readonly<Record<EndReason, number>> = { shutdown: 1001, moved: 1012, slow: 1013 }

export interface PushSocketOptions {
  readonly onClosed: (reason: EndReason | 'client') => void
  readonly heartbeatMs?: number
}

/*
 * Owns one WebSocket that states are sent to: each message is one state, and nothing is read.
 * 1. A client that answers no ping until the next one, or that lets more than MAX_WAITING_BYTES wait, is dropped as slow (1013).
 * 2. onClosed is called once, whichever side ended it.
 */
export class PushSocket implements StateSink, Held {
  readonly #ws: WebSocket
  readonly #socket: Socket
  readonly #options: PushSocketOptions
  readonly #beats: NodeJS.Timeout
  #hasAnswered = true
  #isClosed = false

  /** `socket`: the connection below. */
  constructor(ws: WebSocket, socket: Socket, options: PushSocketOptions) {
    this.#ws = ws
    this.#socket = socket
    this.#options = options
    ws.on('close', () => this.#closed('client'))
    ws.on('error', () => this.#closed('client'))
    ws.on('pong', () => {
      this.#hasAnswered = true
    })
    this.#beats = setInterval(() => this.#beat(), options.heartbeatMs ?? HEARTBEAT_MS)
  }

  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain
  }

  onDrain(listener: () => void): void {
    this.#socket.once('drain', listener)
  }

  send(_event: string, json: string): void {
    if (this.#isClosed) return
    this.#ws.send(json)
    if (this.#ws.bufferedAmount > MAX_WAITING_BYTES) this.end('slow')
  }

  end(reason: EndReason): void {
    if (this.#isClosed) return
    this.#ws.close(CODES[reason], reason)
    // A client that does not read will not read the end either.
    if (reason === 'slow') this.#ws.terminate()
    this.#closed(reason)
  }

  #beat(): void {
    if (this.#hasAnswered) {
      this.#hasAnswered = false
      this.#ws.ping()
    } else this.end('slow')
  }

  #closed(reason: EndReason | 'client'): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#beats)
    this.#options.onClosed(reason)
  }
}
