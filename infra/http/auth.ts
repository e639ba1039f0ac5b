import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { HttpError } from './errors.ts'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Every route but /health, and the files of the dashboard (they hold no data), needs `authorization: Bearer <token>`; compared in constant time. */
export function requireToken(app: FastifyInstance, token: string): void {
  const expected = digest(`Bearer ${token}`)
  app.addHook('onRequest', (request, reply, done) => {
    const open = request.routeOptions.config.open === true || /^\/health(\/|\?|$)/.test(request.url)
    if (open || timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) return done()
    reply.header('www-authenticate', 'Bearer')
    done(new HttpError(401, 'UNAUTHORIZED', 'this route needs "authorization: Bearer <HTTP_TOKEN>"'))
  })
}
