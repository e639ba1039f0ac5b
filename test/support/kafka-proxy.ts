import { connect, createServer, type Server, type Socket } from 'node:net'

/** Numbers of the Kafka requests that tests intercept. */
export const API = {
  produce: 0,
  fetch: 1,
  initProducerId: 22,
  addPartitions: 24,
  endTxn: 26,
  txnOffsetCommit: 28,
} as const

export interface ProxiedRequest {
  readonly apiKey: number
  readonly apiVersion: number
  readonly clientId: string
}

/**
 * - forward: as if the proxy were not there
 * - lose-request: the connection breaks and the broker never hears of the request
 * - lose-answer: the broker gets the request, the connection breaks before its answer comes back
 * - hold: the connection stays, but the broker hears nothing of this request nor of any after it
 * - late: the broker hears of it, and of those after it, LATE_MS later
 */
export type Fate = 'forward' | 'lose-request' | 'lose-answer' | 'hold' | 'late'

const LATE_MS = 1500

/** A TCP proxy in front of one broker that sees requests (not just bytes) and can break connections at a chosen one. */
export class KafkaProxy {
  /** Every request that arrived, in order. */
  readonly seen: ProxiedRequest[] = []
  /** Decides what happens to a request. */
  judge: (request: ProxiedRequest) => Fate = () => 'forward'
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #held: (() => void)[] = []

  constructor(targetPort: number) {
    this.#server = createServer((client) => this.#serve(client, connect({ host: '127.0.0.1', port: targetPort })))
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve))
  }

  count(apiKey: number, clientId: string): number {
    return this.seen.filter((request) => request.apiKey === apiKey && request.clientId === clientId).length
  }

  /** Requests that are held now. */
  get held(): number {
    return this.#held.length
  }

  /** Sends what is held, in its order. */
  release(): void {
    for (const send of this.#held.splice(0)) send()
  }

  /** In which versions that client has sent the request, ascending. */
  versions(apiKey: number, clientId: string): number[] {
    const sent = this.seen.filter((request) => request.apiKey === apiKey && request.clientId === clientId)
    return [...new Set(sent.map(({ apiVersion }) => apiVersion))].sort((a, b) => a - b)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(client: Socket, broker: Socket): void {
    let pending: Buffer = Buffer.alloc(0)
    let losingAnswers = false
    let isHeld = false
    let forwarded = Promise.resolve()
    const end = () => {
      client.destroy()
      broker.destroy()
      this.#sockets.delete(client)
      this.#sockets.delete(broker)
    }
    for (const socket of [client, broker]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', end)
      socket.on('close', end)
    }
    broker.on('data', (bytes) => (losingAnswers ? end() : client.write(bytes)))
    client.on('data', (bytes) => {
      pending = Buffer.concat([pending, bytes])
      while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE()) {
        const frame = pending.subarray(0, 4 + pending.readInt32BE())
        pending = pending.subarray(frame.length)
        const request = {
          apiKey: frame.readInt16BE(4),
          apiVersion: frame.readInt16BE(6),
          clientId: frame.toString('utf8', 14, 14 + frame.readInt16BE(12)),
        }
        this.seen.push(request)
        const fate = this.judge(request)
        if (fate === 'lose-request') return end()
        losingAnswers ||= fate === 'lose-answer'
        isHeld ||= fate === 'hold'
        if (isHeld) {
          this.#held.push(() => {
            isHeld = false
            broker.write(frame)
          })
          continue
        }
        if (fate === 'late') forwarded = forwarded.then(() => new Promise((resolve) => setTimeout(resolve, LATE_MS)))
        forwarded = forwarded.then(() => void broker.write(frame))
      }
    })
  }
}
