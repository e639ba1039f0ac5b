import type { FastifyReply } from 'fastify'
import { ROLE_HEADER } from './cluster/peer-headers.ts'
import type { Routed } from './cluster/query-router.ts'
import { notFound } from './errors.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

/** Sends a JSON text unchanged. @throws HttpError 404 for null */
export function sendJson(reply: FastifyReply, { result, lag, role }: Routed<string | null>, otherwise: string): string {
  reply.header('x-store-lag', lag).header(ROLE_HEADER, role)
  if (result === null) throw notFound(otherwise)
  reply.header('content-type', JSON_TYPE)
  return result
}
