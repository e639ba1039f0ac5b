import { Agent, type Dispatcher } from 'undici'
import { NOT_REACHED } from './min-offset.ts'

/** Connections to one instance; more requests wait in line. */
const CONNECTIONS = 64
const CONNECT_TIMEOUT_MS = 1000
/** How long an instance that did not answer is asked only when nobody else can. */
const AVOID_MS = 1000
/** Of an answer: a page of 1000 trips is below 1 MiB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

/** Heartbeats come every 15 s. */
const SILENT_STREAM_MS = 40_000

export interface PeerRequest {
  /** host:port */
  readonly endpoint: string
  /** Path and query. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

export interface PeerAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface PeerStream {
  readonly status: number
  readonly body: Dispatcher.ResponseData['body']
}

/** Somebody else may be asked instead: the instance did not answer, or said that it cannot. */
export class PeerUnavailableError extends Error {}

/**
 * The HTTP servers of the other instances, over connections that are kept.
 * An instance that failed to answer stands back for a moment, so that one that hangs does not cost every request its timeout.
 */
export class Peers {
  readonly #agent = new Agent({
    connections: CONNECTIONS,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    maxResponseSize: MAX_ANSWER_BYTES,
  })
  /** A stream holds its connection: how many there are is bounded by the subscribers. */
  readonly #streams = new Agent({ pipelining: 1, connect: { timeout: CONNECT_TIMEOUT_MS } })
  readonly #failedAt = new Map<string, number>()
  readonly #token: string | null

  /** @param token HTTP_TOKEN, the same for all instances */
  constructor(token: string | null) {
    this.#token = token
  }

  /** It has not failed lately. */
  isTrusted(endpoint: string): boolean {
    return performance.now() - (this.#failedAt.get(endpoint) ?? Number.NEGATIVE_INFINITY) > AVOID_MS
  }

  /** Any answer but 503 (other than OFFSET_NOT_REACHED, where asking somebody else would not help). @throws PeerUnavailableError */
  async get(asked: PeerRequest): Promise<PeerAnswer> {
    const { endpoint, timeoutMs } = asked
    try {
      const answer = await this.#request(this.#agent, asked, timeoutMs)
      const body = await answer.body.text()
      this.#failedAt.delete(endpoint)
      if (answer.statusCode === 503 && !body.includes(NOT_REACHED)) {
        throw new PeerUnavailableError(`${endpoint} answered 503: ${body.slice(0, 200)}`)
      }
      return { status: answer.statusCode, headers: answer.headers, body }
    } catch (error) {
      if (error instanceof PeerUnavailableError) throw error
      this.#failedAt.set(endpoint, performance.now())
      throw new PeerUnavailableError(`${endpoint} did not answer`, { cause: error })
    }
  }

  /** An answer that does not end; it breaks off when nothing comes for some time. @throws PeerUnavailableError */
  async stream(asked: PeerRequest): Promise<PeerStream> {
    try {
      const { statusCode, body } = await this.#request(this.#streams, asked, SILENT_STREAM_MS)
      return { status: statusCode, body }
    } catch (error) {
      throw new PeerUnavailableError(`${asked.endpoint} did not answer`, { cause: error })
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#agent.destroy(), this.#streams.destroy()])
  }

  #request(agent: Agent, { endpoint, url, headers, timeoutMs }: PeerRequest, bodyTimeout: number) {
    return agent.request({
      origin: `http://${endpoint}`,
      path: url,
      method: 'GET',
      headers: this.#token === null ? headers : { ...headers, authorization: `Bearer ${this.#token}` },
      headersTimeout: timeoutMs,
      bodyTimeout,
    })
  }
}
