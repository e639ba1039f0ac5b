import type { FastifyRequest } from 'fastify'

/**
 * True for a request that a page of another origin sent, unless `allowed` lists that origin (`*` = all). Programs send no Origin. Only
 * the Host is compared, since a proxy may speak TLS for us.
 */
export function isForeign({ headers }: FastifyRequest, allowed: readonly string[]): boolean {
  const { origin, host } = headers
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return false
  return !URL.canParse(origin) || new URL(origin).host !== host
}
