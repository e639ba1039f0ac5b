import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { ANSWER_PROOF, ANSWERER_PROOF, type InstanceProof, REQUEST_PROOF } from '../proof/instance-proof.ts'
import { provenHeaders } from './cluster/peer-headers.ts'
import { HttpError } from './errors.ts'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

export interface TokenOptions {
  readonly token: string
  readonly proof: InstanceProof
  /** APPLICATION_SERVER, host:port; null: the address at which a request came in. */
  readonly announced: string | null
}

/**
 * Every route but those that are `open` (/health, and the files of the dashboard, which hold no data) needs `authorization: Bearer <token>`, compared in constant
 * time, or the proof of another instance, whose answers are proven in turn.
 */
export function requireToken(app: FastifyInstance, { token, proof, announced }: TokenOptions): void {
  const expected = digest(`Bearer ${token}`)
  app.addHook('onRequest', (request, reply, done) => {
    const proven = request.headers[REQUEST_PROOF]
    if (typeof proven === 'string') {
      const { localAddress, localPort } = request.socket
      const endpoint = announced ?? `${localAddress}:${localPort}`
      const { url, headers } = request
      if (!proof.isRequest(proven, { endpoint, url, headers: provenHeaders(headers) })) {
        return done(
          new HttpError(
            401,
            'UNAUTHORIZED',
            'this route needs proof that an instance with our HTTP_TOKEN has sent the request',
          ),
        )
      }
      reply.raw.setHeader(ANSWERER_PROOF, proof.signAnswerer(proven))
      return done()
    }
    const open = request.routeOptions.config.open === true
    if (open || timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) return done()
    reply.header('www-authenticate', 'Bearer')
    done(new HttpError(401, 'UNAUTHORIZED', 'this route needs "authorization: Bearer <HTTP_TOKEN>"'))
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    // Prove only answers to authorised requests: a proof given to anybody would prove nothing.
    if (reply.raw.hasHeader(ANSWERER_PROOF) && (typeof payload === 'string' || Buffer.isBuffer(payload))) {
      const lag = String(reply.getHeader('x-store-lag') ?? '')
      const answer = { status: reply.statusCode, lag, body: payload }
      reply.header(ANSWER_PROOF, proof.signAnswer(String(request.headers[REQUEST_PROOF]), answer))
    }
    done(null, payload)
  })
}
