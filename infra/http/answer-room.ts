import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ROLE_HEADER } from './cluster/query-router.ts'

/** Room for answers with many rows. */
export interface AnswerRoomLimits {
  /** Limit of rows in answers that are being made at the same time. */
  readonly maxListRows: number
  /** Limit of bytes in answers that clients have not taken yet. */
  readonly maxUnsentBytes: number
  /** How long a client may take for its answer, ms. */
  readonly sendTimeoutMs: number
}

/**
 * Bounds what the lists of a server may take: routes with a `limit` in their query wait for room before they begin. Health, metrics and
 * single rows do not wait, and the process has time for its heartbeats between two lists.
 */
export function boundAnswers(app: FastifyInstance, limits: AnswerRoomLimits): void {
  const clients = new AnswerRoom(limits)
  // A request for another instance's share holds room there until it has the answer, so it must not wait for our clients here.
  const peers = new AnswerRoom(limits)
  const roomOf = ({ headers }: FastifyRequest): AnswerRoom => (headers[ROLE_HEADER] === undefined ? clients : peers)

  const preHandler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    await roomOf(request).enter((request.query as { limit: number }).limit, reply)
    // The request took too long, and its client already has the error.
    return reply.sent ? reply : undefined
  }
  const onSend = (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: () => void): void => {
    roomOf(request).made(reply, typeof payload === 'string' ? payload.length : 0)
    done()
  }
  app.addHook('onRoute', (route) => {
    const query = route.schema?.querystring as { properties?: Record<string, unknown> } | undefined
    if (query?.properties?.limit === undefined) return
    route.preHandler = preHandler
    route.onSend = onSend
  })
}

interface Answer {
  /** While it is being made. */
  readonly rows: number
  /** From then on. */
  readonly bytes: number
  readonly timer?: NodeJS.Timeout
}

/*
 * Owns which answers are being made, which are made and not taken yet, and who waits.
 * 1. An answer begins when its rows fit beside those that are being made, or none is; and while not too many bytes wait to be taken.
 * 2. First come, first served. Whoever goes away while it waits leaves the queue.
 * 3. A client that does not take its answer in time loses its connection.
 */
class AnswerRoom {
  readonly #limits: AnswerRoomLimits
  readonly #answers = new Map<FastifyReply, Answer>()
  readonly #waiting = new Map<FastifyReply, { readonly rows: number; readonly resolve: () => void }>()
  #rows = 0
  #unsentBytes = 0

  constructor(limits: AnswerRoomLimits) {
    this.#limits = limits
  }

  /** Resolves when the answer may begin, or its client has gone. */
  enter(rows: number, reply: FastifyReply): Promise<void> {
    return new Promise((resolve) => {
      reply.raw.once('close', () => this.#leave(reply))
      this.#waiting.set(reply, { rows, resolve })
      this.#admit()
    })
  }

  /** The answer is complete and is being sent. */
  made(reply: FastifyReply, bytes: number): void {
    const answer = this.#answers.get(reply)
    if (answer === undefined) return
    this.#rows -= answer.rows
    this.#unsentBytes += bytes
    const timer = setTimeout(() => reply.raw.destroy(), this.#limits.sendTimeoutMs).unref()
    this.#answers.set(reply, { rows: 0, bytes, timer })
    this.#admit()
  }

  #leave(reply: FastifyReply): void {
    this.#waiting.get(reply)?.resolve()
    this.#waiting.delete(reply)
    const answer = this.#answers.get(reply)
    if (answer === undefined) return
    this.#answers.delete(reply)
    clearTimeout(answer.timer)
    this.#rows -= answer.rows
    this.#unsentBytes -= answer.bytes
    this.#admit()
  }

  /** Invariants 1 and 2. */
  #admit(): void {
    const { maxListRows, maxUnsentBytes } = this.#limits
    for (const [reply, { rows, resolve }] of this.#waiting) {
      if (this.#unsentBytes > maxUnsentBytes || (this.#rows > 0 && this.#rows + rows > maxListRows)) return
      this.#waiting.delete(reply)
      this.#answers.set(reply, { rows, bytes: 0 })
      this.#rows += rows
      resolve()
    }
  }
}
