import { setTimeout as sleep } from 'node:timers/promises'
import {
  BadQuestionError,
  type ClientError,
  HistoryGoneError,
  NotFoundError,
  UnauthorizedError,
  UnavailableError,
  UnexpectedAnswerError,
} from './errors.ts'

export interface InstanceHttpOptions {
  /** URL of any instance, or of a balancer in front of them; without a slash at the end. */
  readonly url: string
  /** HTTP_TOKEN of the instances. */
  readonly token: string | null
  /** How long a question is repeated after 503, ms. */
  readonly patienceMs: number
  /** Limit for one answer, ms. */
  readonly timeoutMs: number
}

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

const DEFAULT_RETRY_AFTER_S = 1
const GATEWAY_STATUSES = [502, 503, 504]

/** GET requests over kept-alive connections (Node's fetch pools them); refusals are thrown as errors. */
export class InstanceHttp {
  readonly #options: InstanceHttpOptions

  constructor(options: InstanceHttpOptions) {
    this.#options = options
  }

  /** The text of the answer and its headers. @throws ClientError, or the reason of the signal */
  async get(path: string, options: GetOptions = {}): Promise<{ readonly text: string; readonly headers: Headers }> {
    return await this.#patiently(options, async () => {
      const timeout = AbortSignal.timeout(this.#options.timeoutMs)
      const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal])
      const response = await this.#fetch(path, { ...options, signal })
      try {
        return { text: await response.text(), headers: response.headers }
      } catch (error) {
        throw this.#noAnswer(error, options.signal)
      }
    })
  }

  /** Opens an answer whose body the caller reads as it comes. @throws as get() */
  async open(path: string, options: GetOptions & { readonly signal: AbortSignal }): Promise<Response> {
    return await this.#patiently(options, () => this.#fetch(path, options))
  }

  /** Repeats a question after 503 (or a balancer's equivalent) as Retry-After says, within patienceMs. */
  async #patiently<T>({ signal }: GetOptions, ask: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#options.patienceMs
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if (!(error instanceof UnavailableError) || error.status === null) throw error
        const waitMs = error.retryAfterMs ?? DEFAULT_RETRY_AFTER_S * 1000
        if (performance.now() + waitMs > deadline) throw error
        await sleep(waitMs, undefined, { signal })
      }
    }
  }

  async #fetch(path: string, options: GetOptions, isSecondTry = false): Promise<Response> {
    const { url, token } = this.#options
    const headers = token === null ? options.headers : { ...options.headers, authorization: `Bearer ${token}` }
    let response: Response
    try {
      response = await fetch(url + path, { ...(headers && { headers }), signal: options.signal ?? null })
    } catch (error) {
      // The server may close a kept-alive connection just when we use it.
      if (!isSecondTry && isClosedConnection(error)) return await this.#fetch(path, options, true)
      throw this.#noAnswer(error, options.signal)
    }
    if (response.ok) return response
    throw this.#refusal(response, await response.text().catch(() => ''))
  }

  /** The reason of the caller's own signal is thrown as it is. */
  #noAnswer(error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted === true && !isTimeout(signal.reason)) return signal.reason
    const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const why = isTimeout(inner) ? `no answer arrived within ${this.#options.timeoutMs} ms` : messageOf(inner)
    return new UnavailableError(null, 'NO_ANSWER', `cannot get an answer from ${this.#options.url}: ${why}`, {
      cause: error,
    })
  }

  #refusal(response: Response, text: string): ClientError {
    const { status } = response
    const { code, message } = errorIn(text)
    const line = `${this.#options.url} answered with status ${status}${message === '' ? '' : `: ${message}`}`
    // No instance said this: it comes from a balancer without a live instance, or from another server.
    if (code === '' && GATEWAY_STATUSES.includes(status)) {
      return new UnavailableError(status, 'NO_INSTANCE', line, { retryAfterMs: retryAfterMs(response) })
    }
    if (code === '') return new UnexpectedAnswerError(status, 'NOT_AN_INSTANCE', line)
    if (status === 503) return new UnavailableError(status, code, line, { retryAfterMs: retryAfterMs(response) })
    if (status === 404) return new NotFoundError(status, code, message)
    if (status === 410) return new HistoryGoneError(status, code, message)
    if (status === 401) return new UnauthorizedError(status, code, line)
    if (status >= 400 && status < 500) return new BadQuestionError(status, code, line)
    return new UnexpectedAnswerError(status, code, line)
  }
}

function errorIn(text: string): { readonly code: string; readonly message: string } {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown; message?: unknown } }
    if (typeof error?.code === 'string') return { code: error.code, message: String(error.message ?? '') }
  } catch {
    // Some other server's page: the status must do.
  }
  return { code: '', message: '' }
}

function retryAfterMs({ headers }: Response): number | null {
  const text = headers.get('retry-after')
  const seconds = Number(text)
  return text !== null && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null
}

function isClosedConnection(error: unknown): boolean {
  const code = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}

const isTimeout = (error: unknown): boolean => error instanceof Error && error.name === 'TimeoutError'

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return messageOf((error.errors as unknown[])[0])
  return error instanceof Error ? error.message || error.name : String(error)
}
