import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { StreamsError } from '../../state/ports/errors.ts'

/** Seconds a client should wait before it asks a restoring store again. */
const RETRY_AFTER_S = 1

/** An answer that is not the data: HTTP status and stable code. */
export class HttpError extends StreamsError {
  readonly status: number
  constructor(status: number, code: string, message: string) {
    super(code, message)
    this.status = status
  }
}

export const badRequest = (message: string): HttpError => new HttpError(400, 'BAD_REQUEST', message)
export const notFound = (message: string): HttpError => new HttpError(404, 'NOT_FOUND', message)

export function errorBody(code: string, message: string): { error: { code: string; message: string } } {
  return { error: { code, message } }
}

/** Of what the framework refuses. */
const CODES: Readonly<Record<number, string>> = { 413: 'BODY_TOO_LARGE', 414: 'URI_TOO_LONG' }

/** Turns whatever a route threw into the contract's error shape; only unexpected errors are logged, and never shown. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof HttpError) {
    if (error.status === 503) reply.header('retry-after', RETRY_AFTER_S)
    return reply.code(error.status).send(errorBody(error.code, error.message))
  }
  // By code: errors that come from a worker have lost their class.
  if (error instanceof StreamsError && error.code === 'STORE_UNAVAILABLE') {
    return reply.code(503).header('retry-after', RETRY_AFTER_S).send(errorBody(error.code, error.message))
  }
  if (error instanceof StreamsError && error.code === 'NO_SUCH_STORE') {
    return reply.code(404).send(errorBody('NOT_FOUND', `${error.message} (PROCESSORS says which processors run)`))
  }
  const status = (error as Partial<FastifyError> | null)?.statusCode
  if (status !== undefined && status >= 400 && status < 500) {
    return reply.code(status).send(errorBody(CODES[status] ?? 'BAD_REQUEST', (error as Error).message))
  }
  if ((error as Partial<FastifyError> | null)?.code === 'FST_ERR_HANDLER_TIMEOUT') {
    return reply.code(503).header('retry-after', RETRY_AFTER_S).send(errorBody('TIMEOUT', 'the answer took too long'))
  }
  request.log.error({ err: error, reqId: request.id, url: request.url }, 'request failed')
  return reply.code(500).send(errorBody('INTERNAL', 'internal error, see the log'))
}
