import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** The id that a client, or an instance that forwards a request, gives it. Error answers repeat it. */
export const REQUEST_ID_HEADER = 'x-request-id'

const ACCEPTED = /^[A-Za-z0-9._:-]{1,64}$/

/** Ids of requests: the one that was sent, if it is safe for a log line, else one that is unique over all instances. */
export function requestIds(): (request: { readonly headers: IncomingHttpHeaders }) => string {
  const prefix = randomBytes(6).toString('base64url')
  let count = 0
  return ({ headers }) => {
    const sent = headers[REQUEST_ID_HEADER]
    return typeof sent === 'string' && ACCEPTED.test(sent) ? sent : `${prefix}-${(++count).toString(36)}`
  }
}
