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

/** An answer as it comes from the broker: its size, then its correlation id, then the rest. */
export interface ProxiedAnswer extends ProxiedRequest {
  readonly frame: Buffer
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

/** A TCP proxy in front of one broker that sees requests (not just bytes) and can break connections at a chosen one. It can damage answers. */
export class KafkaProxy {
  /** Every request that arrived, in order. */
  readonly seen: ProxiedRequest[] = []
  /** Decides what happens to a request. */
  judge: (request: ProxiedRequest) => Fate = () => 'forward'
  /** Bit of the answer's frame that is flipped on its way; null: none. */
  flip: (answer: ProxiedAnswer) => number | null = () => null
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
    let answers: Buffer = Buffer.alloc(0)
    const unanswered = new Map<number, ProxiedRequest>()
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
    broker.on('data', (bytes) => {
      if (losingAnswers) return end()
      answers = answers.length === 0 ? bytes : Buffer.concat([answers, bytes])
      for (let frame = firstFrame(answers); frame !== null; frame = firstFrame(answers)) {
        answers = answers.subarray(frame.length)
        const request = unanswered.get(frame.readInt32BE(4)) as ProxiedRequest
        unanswered.delete(frame.readInt32BE(4))
        const bit = this.flip({ ...request, frame })
        if (bit !== null) frame[bit >> 3] = (frame[bit >> 3] as number) ^ (1 << (bit & 7))
        client.write(frame)
      }
    })
    client.on('data', (bytes) => {
      pending = Buffer.concat([pending, bytes])
      for (let frame = firstFrame(pending); frame !== null; frame = firstFrame(pending)) {
        pending = pending.subarray(frame.length)
        const request = {
          apiKey: frame.readInt16BE(4),
          apiVersion: frame.readInt16BE(6),
          clientId: frame.toString('utf8', 14, 14 + frame.readInt16BE(12)),
        }
        this.seen.push(request)
        unanswered.set(frame.readInt32BE(8), request)
        const fate = this.judge(request)
        if (fate === 'lose-request') return end()
        losingAnswers ||= fate === 'lose-answer'
        isHeld ||= fate === 'hold'
        const sent = frame
        if (isHeld) {
          this.#held.push(() => {
            isHeld = false
            broker.write(sent)
          })
          continue
        }
        if (fate === 'late') forwarded = forwarded.then(() => new Promise((resolve) => setTimeout(resolve, LATE_MS)))
        forwarded = forwarded.then(() => void broker.write(sent))
      }
    })
  }
}

/** A view of the first whole message: its size and what the size says; null while it is not there. */
function firstFrame(bytes: Buffer): Buffer | null {
  if (bytes.length < 4) return null
  const end = 4 + bytes.readInt32BE()
  return bytes.length < end ? null : bytes.subarray(0, end)
}
