/** Most bytes that wait for a client; what is sent are whole states, so skipping some loses nothing. */
const MAX_WAITING_BYTES = 256 * 1024
const HEARTBEAT_MS = 15_000

/**
 * Why a connection ends:
 * - moved: another instance has the data now; connect again, and the request finds it
 * - shutdown: this instance stops; connect again, to another one if there is one
 * - slow: the client took too long to read
 */
export type EndReason = 'moved' | 'shutdown' | 'slow'

/** A connection that sends until one side ends it. */
export interface Held {
  end(reason: EndReason): void
}

/** The kind of connection that a LiveConnection keeps and ends: server-sent events or a WebSocket. */
export interface Wire {
  /** Bytes that the client has not taken. */
  waitingBytes(): number
  /** The client has not taken, or not answered, what was sent before this heartbeat. */
  isBehind(): boolean
  /** Sends a sign of life. */
  beat(): void
  /** Tells the client why, and ends. A client that is slow does not read the end either. */
  end(reason: EndReason): void
}

export interface LiveConnectionOptions {
  readonly wire: Wire
  readonly onClosed: (reason: EndReason | 'client') => void
  readonly heartbeatMs?: number | undefined
}

/*
 * Owns the life of one connection that sends states: its heartbeats and its end.
 * 1. A client that is behind at two heartbeats one after the other, or that lets more than MAX_WAITING_BYTES wait, is dropped as slow.
 * 2. onClosed is called once, whichever side ended it.
 */
export class LiveConnection implements Held {
  readonly #wire: Wire
  readonly #onClosed: LiveConnectionOptions['onClosed']
  readonly #beats: NodeJS.Timeout
  #beatsBehind = 0
  #isClosed = false

  constructor({ wire, onClosed, heartbeatMs = HEARTBEAT_MS }: LiveConnectionOptions) {
    this.#wire = wire
    this.#onClosed = onClosed
    this.#beats = setInterval(() => this.#beat(), heartbeatMs)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** To be called after each write. */
  sent(): void {
    if (this.#wire.waitingBytes() > MAX_WAITING_BYTES) this.end('slow')
  }

  end(reason: EndReason): void {
    if (this.#isClosed) return
    this.#wire.end(reason)
    this.closed(reason)
  }

  /** To be called when the connection has ended without end(). */
  closed(reason: EndReason | 'client'): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#beats)
    this.#onClosed(reason)
  }

  #beat(): void {
    this.#beatsBehind = this.#wire.isBehind() ? this.#beatsBehind + 1 : 0
    if (this.#beatsBehind > 1) this.end('slow')
    else this.#wire.beat()
  }
}
