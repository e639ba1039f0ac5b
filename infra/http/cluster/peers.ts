import type { Agent, Dispatcher } from 'undici'
import { ANSWER_PROOF, ANSWERER_PROOF, type InstanceProof, REQUEST_PROOF } from '../../proof/instance-proof.ts'
import { NOT_REACHED } from './min-offset.ts'
import { provenHeaders } from './peer-headers.ts'

/** Connections to one instance; more requests wait in line. */
const CONNECTIONS = 64
const CONNECT_TIMEOUT_MS = 1000
/** How long an instance that failed to answer is only a last resort. */
const AVOID_MS = 1000
/** Limit of an answer's bytes; a page of 1000 trips is below 1 MiB. */
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

export interface PeersOptions {
  /** null without HTTP_TOKEN: then there are no proofs. */
  readonly proof: InstanceProof | null
  /** Set when the instances speak TLS; `ca`: PEM of the authorities of their certificates, undefined = the system's. */
  readonly tls: { readonly ca: string | undefined } | null
}

/** The instance did not answer, or said that it cannot. Ask another one. */
export class PeerUnavailableError extends Error {}

class UnprovenPeerError extends PeerUnavailableError {}

interface Agents {
  readonly requests: Agent
  /** A stream holds its connection: the number of subscribers bounds these. */
  readonly streams: Agent
}

/*
 * The HTTP servers of the other instances, over connections that are kept.
 * 1. An instance that failed to answer stands back for a moment, so that one that hangs does not cost every request its timeout.
 * 2. With HTTP_TOKEN each request proves who asks, and only an answer that proves who answers is taken. The token itself is not sent.
 * 3. The client is loaded with the first request: an instance that is alone needs none, and its start need not wait for 110 modules.
 */
export class Peers {
  #agents: Promise<Agents> | null = null
  readonly #failedAt = new Map<string, number>()
  readonly #proof: InstanceProof | null
  readonly #scheme: 'http' | 'https'
  readonly #connect: Agent.Options['connect']

  constructor({ proof, tls }: PeersOptions) {
    this.#connect = { timeout: CONNECT_TIMEOUT_MS, ...(tls?.ca !== undefined && { ca: tls.ca }) }
    this.#proof = proof
    this.#scheme = tls === null ? 'http' : 'https'
  }

  async #open(): Promise<Agents> {
    const { Agent } = await import('undici')
    const connect = this.#connect
    const limits = { connections: CONNECTIONS, maxResponseSize: MAX_ANSWER_BYTES }
    return {
      requests: new Agent({ ...limits, pipelining: 1, keepAliveTimeout: 30_000, connect }),
      streams: new Agent({ pipelining: 1, connect }),
    }
  }

  /** True when the instance has not failed lately. */
  isTrusted(endpoint: string): boolean {
    return performance.now() - (this.#failedAt.get(endpoint) ?? Number.NEGATIVE_INFINITY) > AVOID_MS
  }

  /** Returns any answer but 503 (OFFSET_NOT_REACHED excepted: another instance would not help). @throws PeerUnavailableError */
  async get(asked: PeerRequest): Promise<PeerAnswer> {
    const { endpoint, timeoutMs } = asked
    try {
      const { answer, request } = await this.#request('requests', asked, timeoutMs)
      const body = await answer.body.text()
      const proven = { status: answer.statusCode, lag: String(answer.headers['x-store-lag'] ?? ''), body }
      if (this.#proof?.isAnswer(answer.headers[ANSWER_PROOF], request, proven) === false) throw unproven(endpoint)
      this.#failedAt.delete(endpoint)
      if (answer.statusCode === 503 && !body.includes(NOT_REACHED)) {
        throw new PeerUnavailableError(`${endpoint} answered 503: ${body.slice(0, 200)}`)
      }
      return { status: answer.statusCode, headers: answer.headers, body }
    } catch (error) {
      if (error instanceof PeerUnavailableError && !(error instanceof UnprovenPeerError)) throw error
      this.#failedAt.set(endpoint, performance.now())
      if (error instanceof UnprovenPeerError) throw error
      throw new PeerUnavailableError(`${endpoint} did not answer`, { cause: error })
    }
  }

  /** An answer that does not end; it breaks off when nothing comes for some time. @throws PeerUnavailableError */
  async stream(asked: PeerRequest): Promise<PeerStream> {
    try {
      const { answer, request } = await this.#request('streams', asked, SILENT_STREAM_MS)
      const { statusCode, headers, body } = answer
      if (this.#proof?.isAnswerer(headers[ANSWERER_PROOF], request) === false) {
        body.destroy()
        throw unproven(asked.endpoint)
      }
      return { status: statusCode, body }
    } catch (error) {
      if (error instanceof UnprovenPeerError) throw error
      throw new PeerUnavailableError(`${asked.endpoint} did not answer`, { cause: error })
    }
  }

  async close(): Promise<void> {
    const agents = await this.#agents
    await Promise.all([agents?.requests.destroy(), agents?.streams.destroy()])
  }

  /** `request`: its proof; '' without. */
  async #request(kind: keyof Agents, { endpoint, url, headers, timeoutMs }: PeerRequest, bodyTimeout: number) {
    this.#agents ??= this.#open()
    const agent = (await this.#agents)[kind]
    const request = this.#proof?.signRequest({ endpoint, url, headers: provenHeaders(headers) }) ?? ''
    const answer = await agent.request({
      origin: `${this.#scheme}://${endpoint}`,
      path: url,
      method: 'GET',
      headers: request === '' ? headers : { ...headers, [REQUEST_PROOF]: request },
      headersTimeout: timeoutMs,
      bodyTimeout,
    })
    return { answer, request }
  }
}

function unproven(endpoint: string): UnprovenPeerError {
  return new UnprovenPeerError(
    `${endpoint} did not prove that it is an instance of this application with our HTTP_TOKEN`,
  )
}
