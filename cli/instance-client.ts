import { setTimeout as sleep } from 'node:timers/promises'
import { parseExactJson } from '../infra/http/exact-json.ts'
import { CommandFailedError, describeError } from './errors.ts'

export interface InstanceClientOptions {
  /** Of the HTTP server, without a slash at the end. */
  readonly url: string
  readonly token: string | null
  /** How long 503 is asked again, ms. */
  readonly patienceMs: number
}

export interface InstanceAnswer {
  readonly body: unknown
  /** Records the store was behind its input; null when not said. */
  readonly lag: number | null
}

const REQUEST_TIMEOUT_MS = 10_000
const DEFAULT_RETRY_AFTER_S = 1

/** Asks a running instance over HTTP. Every failure is a CommandFailedError of one line. */
export class InstanceClient {
  readonly #options: InstanceClientOptions

  constructor(options: InstanceClientOptions) {
    this.#options = options
  }

  /** 503 is asked again, as its Retry-After says, while patience lasts. */
  async get(path: string): Promise<InstanceAnswer> {
    const deadline = performance.now() + this.#options.patienceMs
    for (;;) {
      const response = await this.#fetch(path)
      const text = await response.text()
      if (response.ok) {
        const lag = response.headers.get('x-store-lag')
        return { body: this.#parse(text), lag: lag === null ? null : Number(lag) }
      }
      const waitMs = retryAfterMs(response)
      if (response.status !== 503 || performance.now() + waitMs > deadline) throw this.#refused(response.status, text)
      await sleep(waitMs)
    }
  }

  /** All rows of a list, page by page. */
  async list(path: string): Promise<readonly unknown[]> {
    const rows: unknown[] = []
    const next = new URLSearchParams(path.split('?', 2)[1])
    next.set('limit', '1000')
    for (;;) {
      const { body } = await this.get(`${path.split('?', 1)[0]}?${next}`)
      const page = body as { rows?: unknown; nextCursor?: unknown } | null
      if (!Array.isArray(page?.rows)) throw new CommandFailedError(`${this.#options.url} is not an instance: no rows`)
      rows.push(...(page.rows as unknown[]))
      if (typeof page.nextCursor !== 'string') return rows
      next.set('cursor', page.nextCursor)
    }
  }

  async #fetch(path: string): Promise<Response> {
    const { url, token } = this.#options
    try {
      return await fetch(url + path, {
        headers: token === null ? {} : { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      })
    } catch (error) {
      const why = describeError(error).replace(/^fetch failed: /, '')
      throw new CommandFailedError(`no answer from ${url}: ${why}`)
    }
  }

  #parse(text: string): unknown {
    try {
      return parseExactJson(text)
    } catch (error) {
      throw new CommandFailedError(`${this.#options.url} is not an instance: its answer is not JSON`, { cause: error })
    }
  }

  #refused(status: number, text: string): CommandFailedError {
    let message = ''
    try {
      message = (JSON.parse(text) as { error?: { message?: string } } | null)?.error?.message ?? ''
    } catch {
      // Some other server's page: the status must do.
    }
    if (status === 404 && message !== '') return new CommandFailedError(message)
    return new CommandFailedError(`${this.#options.url} answers ${status}${message === '' ? '' : `: ${message}`}`)
  }
}

function retryAfterMs(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? DEFAULT_RETRY_AFTER_S)
  return (Number.isFinite(seconds) && seconds >= 0 ? seconds : DEFAULT_RETRY_AFTER_S) * 1000
}
