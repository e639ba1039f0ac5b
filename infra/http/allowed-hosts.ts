import { isIP } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { HttpError } from './errors.ts'

/** Also an empty name, as in HTTP/1.0. */
const PRIVATE = /^[^.]*$|\.(internal|localhost)$/

/**
 * Refuses requests whose Host is a name that nobody gave this server. A page on the web can let its own name point at a local address
 * (DNS rebinding) and would then read what is here; it cannot choose the Host its visitor's browser sends. Addresses pass, and names
 * that nobody can own on the web: without a dot, or below .internal and .localhost. `names`: HTTP_ALLOWED_HOSTS and the like; '*'
 * lets all pass.
 */
export function allowHosts(app: FastifyInstance, names: readonly string[]): void {
  if (names.includes('*')) return
  const allowed = new Set(names.map((name) => name.toLowerCase()))
  app.addHook('onRequest', (request, _reply, done) => {
    const host = hostOf(request.headers.host ?? '')
    if (isIP(host) !== 0 || PRIVATE.test(host) || allowed.has(host)) return done()
    done(
      new HttpError(
        421,
        'HOST_NOT_ALLOWED',
        `this server is not called ${host.slice(0, 100)}: HTTP_ALLOWED_HOSTS lists its names`,
      ),
    )
  })
}

/** Without the port and the brackets of an IPv6 address. */
function hostOf(header: string): string {
  const name = /^\[(.*)\](:\d*)?$/.exec(header)?.[1] ?? header.replace(/:\d*$/, '')
  return name.toLowerCase()
}
