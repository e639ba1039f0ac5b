import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/*
 * Owns which connections of a server are open, and which of them have no request under way.
 * 1. There are at most `max`. One more ends the one that has been idle longest, so a client that only holds connections
 *    open keeps nobody out.
 * 2. The new one is refused only when all others have a request under way.
 */
export class Connections {
  readonly #max: number
  readonly #open = new Set<Socket>()
  /** Longest idle first. */
  readonly #idle = new Set<Socket>()

  constructor(server: Server, max: number) {
    this.#max = max
    server.on('connection', (socket) => this.#add(socket))
  }

  /** A request has come on it. */
  busy(socket: Socket): void {
    this.#idle.delete(socket)
  }

  /** The answer has been sent, or its client has gone. */
  idle(socket: Socket): void {
    if (this.#open.has(socket)) this.#idle.add(socket)
  }

  #add(socket: Socket): void {
    if (this.#open.size >= this.#max) {
      const [longestIdle = socket] = this.#idle
      this.#forget(longestIdle)
      longestIdle.destroy()
      if (longestIdle === socket) return
    }
    this.#open.add(socket)
    this.#idle.add(socket)
    socket.once('close', () => this.#forget(socket))
  }

  #forget(socket: Socket): void {
    this.#open.delete(socket)
    this.#idle.delete(socket)
  }
}
