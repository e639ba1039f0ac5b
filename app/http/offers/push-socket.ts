import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { type EndReason, type Held, LiveConnection, type StateSink } from '../../../infra/http/index.ts'

/** Close codes of WebSockets (RFC 6455): going away, service restart, try again later. */
const CODES: Readonly<Record<EndReason, number>> = { shutdown: 1001, moved: 1012, slow: 1013 }

export interface PushSocketOptions {
  readonly onClosed: (reason: EndReason | 'client') => void
  readonly heartbeatMs?: number
}

/** One WebSocket that states are sent to: each message is one state, and nothing is read. A client that answers no ping is behind. */
export class PushSocket implements StateSink, Held {
  readonly #ws: WebSocket
  readonly #socket: Socket
  readonly #connection: LiveConnection
  #hasAnswered = true

  /** `socket`: the connection below. */
  constructor(ws: WebSocket, socket: Socket, { onClosed, heartbeatMs }: PushSocketOptions) {
    this.#ws = ws
    this.#socket = socket
    const wire = {
      waitingBytes: () => ws.bufferedAmount,
      isBehind: () => !this.#hasAnswered,
      beat: () => this.#beat(),
      end: (reason: EndReason) => this.#sendEnd(reason),
    }
    this.#connection = new LiveConnection({ wire, onClosed, heartbeatMs })
    ws.on('close', () => this.#connection.closed('client'))
    ws.on('error', () => this.#connection.closed('client'))
    ws.on('pong', () => {
      this.#hasAnswered = true
    })
  }

  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain
  }

  onDrain(listener: () => void): void {
    this.#socket.once('drain', listener)
  }

  send(_event: string, json: string): void {
    if (this.#connection.isClosed) return
    this.#ws.send(json)
    this.#connection.sent()
  }

  end(reason: EndReason): void {
    this.#connection.end(reason)
  }

  #sendEnd(reason: EndReason): void {
    this.#ws.close(CODES[reason], reason)
    if (reason === 'slow') this.#ws.terminate()
  }

  #beat(): void {
    this.#hasAnswered = false
    this.#ws.ping()
  }
}
