import type { Writable } from 'node:stream'

/** A viewer that takes nothing for so long is disconnected, ms. */
const STALLED_MS = 30_000

/** One frame of the event stream: its name and bytes. */
export interface Frame {
  readonly name: string
  readonly text: string
}

export function frameOf(name: string, data: unknown): Frame {
  return { name, text: `event: ${name}\ndata: ${JSON.stringify(data)}\n\n` }
}

interface Viewer {
  /** Text of the last frame sent, by name. */
  readonly sent: Map<string, string>
  blockedSince: number | null
}

/*
 * Owns the open event streams of the dashboard and the latest frame of each name.
 * 1. Every frame holds all of its section, so a viewer that reads slowly skips frames and is still right; nothing queues
 *    up for it beyond the one frame that blocked it.
 * 2. A frame that has not changed is not sent again.
 * 3. There are never more than `most`.
 */
export class Viewers {
  readonly #most: number
  readonly #monotonic: () => number
  readonly #viewers = new Map<Writable, Viewer>()
  readonly #latest = new Map<string, Frame>()
  /** Called when the first viewer comes and when the last has gone. */
  onWatched: (isWatched: boolean) => void = () => undefined

  /** @param monotonic ms */
  constructor(most: number, monotonic: () => number = () => performance.now()) {
    this.#most = most
    this.#monotonic = monotonic
  }

  get count(): number {
    return this.#viewers.size
  }

  get isFull(): boolean {
    return this.#viewers.size >= this.#most
  }

  /** Sends the current frames, then every change. The stream leaves when it closes. Check `isFull` first. */
  join(stream: Writable, first: readonly Frame[]): void {
    const viewer: Viewer = { sent: new Map(), blockedSince: null }
    this.#viewers.set(stream, viewer)
    stream.on('drain', () => {
      viewer.blockedSince = null
      this.#catchUp(stream, viewer)
    })
    stream.once('error', () => stream.destroy())
    stream.once('close', () => this.#leave(stream))
    for (const { text } of first) stream.write(text)
    this.#catchUp(stream, viewer)
    if (this.#viewers.size === 1) this.onWatched(true)
  }

  publish(frame: Frame): void {
    this.#latest.set(frame.name, frame)
    const now = this.#monotonic()
    for (const [stream, viewer] of this.#viewers) {
      if (viewer.blockedSince === null) this.#send(stream, viewer, frame)
      else if (now - viewer.blockedSince > STALLED_MS) stream.destroy()
    }
  }

  /** Ends all streams. */
  close(): void {
    for (const stream of [...this.#viewers.keys()]) stream.end()
    // end() waits for what a viewer has not taken yet; the server closes idle connections itself.
    for (const [stream, { blockedSince }] of this.#viewers) if (blockedSince !== null) stream.destroy()
  }

  #catchUp(stream: Writable, viewer: Viewer): void {
    for (const frame of this.#latest.values()) if (viewer.blockedSince === null) this.#send(stream, viewer, frame)
  }

  #send(stream: Writable, viewer: Viewer, { name, text }: Frame): void {
    if (viewer.sent.get(name) === text || stream.destroyed) return
    viewer.sent.set(name, text)
    if (!stream.write(text)) viewer.blockedSince = this.#monotonic()
  }

  #leave(stream: Writable): void {
    if (this.#viewers.delete(stream) && this.#viewers.size === 0) this.onWatched(false)
  }
}
