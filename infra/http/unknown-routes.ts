import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HttpError, notFound } from './errors.ts'

/*
 * Owns the paths that routes have, with their methods.
 * 1. A request that no route takes is 405 when its path has a route with another method, else 404.
 */
export class UnknownRoutes {
  readonly #methods = new Map<string, Set<string>>()
  #patterns: ReadonlyArray<readonly [pattern: RegExp, methods: ReadonlySet<string>]> | null = null

  constructor(app: FastifyInstance) {
    app.addHook('onRoute', ({ url, method }) => {
      const methods = this.#methods.get(url) ?? new Set()
      // A plugin's answer to preflight requests is no route to anything.
      for (const one of [method].flat()) if (one !== 'OPTIONS') methods.add(one)
      if (methods.size === 0) return
      this.#methods.set(url, methods)
      this.#patterns = null
    })
  }

  /** To be called for a request that has no route. @throws HttpError */
  refuse({ method, url }: FastifyRequest, reply: FastifyReply): never {
    const path = url.split('?', 1)[0] ?? ''
    const allowed = this.#allowed(path)
    if (allowed.length === 0) throw notFound(`there is no route ${method} ${path}`)
    reply.header('allow', allowed.join(', '))
    throw new HttpError(405, 'METHOD_NOT_ALLOWED', `${path} takes ${allowed.join(', ')}, not ${method}`)
  }

  #allowed(path: string): readonly string[] {
    this.#patterns ??= [...this.#methods].map(([url, methods]) => [patternOf(url), methods])
    const found = this.#patterns.filter(([pattern]) => pattern.test(path)).flatMap(([, methods]) => [...methods])
    return [...new Set(found)].sort()
  }
}

/** Matches a path as routes have it: `:name` is one part that is not empty, `*` is any rest. */
function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part === '*') return '.*'
    return part.startsWith(':') ? '[^/]+' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('/')}$`)
}
