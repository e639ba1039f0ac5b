import type { FastifyRequest } from 'fastify'
import { HttpError } from './errors.ts'
import { isForeign } from './origins.ts'

export interface WritesOptions {
  /** HTTP_READ_ONLY */
  readonly isReadOnly: boolean
  /** Requests need HTTP_TOKEN; without it only this machine may write. */
  readonly hasToken: boolean
}

/**
 * Decides who may send requests that change something. Routes that do call `check` before their work, after the token was checked.
 * 1. Nobody, where the server is read-only.
 * 2. No page of another origin: a browser sends a person's address and session along, whoever wrote the page.
 * 3. Without HTTP_TOKEN, only programs of this machine.
 */
export class Writes {
  readonly isReadOnly: boolean
  readonly #hasToken: boolean

  constructor({ isReadOnly, hasToken }: WritesOptions) {
    this.isReadOnly = isReadOnly
    this.#hasToken = hasToken
  }

  /** @throws HttpError 403 */
  check(request: FastifyRequest): void {
    if (this.isReadOnly) throw new HttpError(403, 'READ_ONLY', 'this server only reads: HTTP_READ_ONLY is set')
    const site = request.headers['sec-fetch-site']
    if (isForeign(request, []) || (site !== undefined && site !== 'same-origin')) {
      throw new HttpError(403, 'ORIGIN_NOT_ALLOWED', 'pages of other origins may not change anything')
    }
    if (this.#hasToken || isLoopback(request.socket.remoteAddress ?? '')) return
    throw new HttpError(
      403,
      'TOKEN_NEEDED',
      'without HTTP_TOKEN only programs of the same machine may change anything: set HTTP_TOKEN',
    )
  }
}

const isLoopback = (address: string): boolean => /^(::ffff:)?127\.|^::1$/.test(address)
