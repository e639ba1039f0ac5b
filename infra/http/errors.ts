import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { StreamsError } from '../../state/ports/errors.ts'
import type { FailedRequests } from './failed-requests.ts'
import { REQUEST_ID_HEADER } from './request-id.ts'

/** Seconds a client should wait before it asks a restoring store again. */
const RETRY_AFTER_S = 1

/** An HTTP answer without data: status and stable code. */
export class HttpError extends StreamsError {
  readonly status: number
  constructor(status: number, code: string, message: string) {
    super(code, message)
    this.status = status
  }
}

export const badRequest = (message: string): HttpError => new HttpError(400, 'BAD_REQUEST', message)
/** The error of a range whose ends are the wrong way round. */
export const badRange = (): HttpError => badRequest('from must not be after to')
export const notFound = (message: string): HttpError => new HttpError(404, 'NOT_FOUND', message)

interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string }
}

export function errorBody(code: string, message: string): ErrorBody {
  return { error: { code, message } }
}

/** True when another instance's answer has the common error shape. */
export function isErrorBody(body: unknown): body is ErrorBody {
  const { error } = (body ?? {}) as { readonly error?: unknown }
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown }
  return typeof code === 'string' && typeof message === 'string'
}

interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
}

/** Codes of requests that the framework refuses. */
const CODES: Readonly<Record<number, string>> = { 413: 'BODY_TOO_LARGE', 414: 'URI_TOO_LONG' }

export interface SendErrorOptions {
  readonly failures: FailedRequests
  readonly aboutMissingStores: string
}

/** Converts any error of a route to the common error shape. It logs our own faults, and never shows unexpected errors. */
export function sendError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { failures, aboutMissingStores }: SendErrorOptions,
): FastifyReply {
  const { status, code, message } = refusalOf(error, aboutMissingStores)
  if (status >= 500) failures.failed(request, status, code, error)
  if (status === 503) reply.header('retry-after', RETRY_AFTER_S)
  return reply.code(status).header(REQUEST_ID_HEADER, request.id).send(errorBody(code, message))
}

function refusalOf(error: unknown, aboutMissingStores: string): Refusal {
  if (error instanceof HttpError) return error
  // Compares the code, because errors from a worker have lost their class.
  if (error instanceof StreamsError && error.code === 'STORE_UNAVAILABLE') {
    return { status: 503, code: error.code, message: error.message }
  }
  if (error instanceof StreamsError && error.code === 'NO_SUCH_STORE') {
    return { status: 404, code: 'NOT_FOUND', message: `${error.message} (${aboutMissingStores})` }
  }
  const status = (error as Partial<FastifyError> | null)?.statusCode
  if (status !== undefined && status >= 400 && status < 500) {
    return { status, code: CODES[status] ?? 'BAD_REQUEST', message: (error as Error).message }
  }
  return { status: 500, code: 'INTERNAL', message: 'internal error, see the log' }
}
