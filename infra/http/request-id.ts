import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** Carries the name that a client, or an instance that passes a request on, gives the request. Error answers repeat it. */
export const REQUEST_ID_HEADER = 'x-request-id'

const ACCEPTED = /^[A-Za-z0-9._:-]{1,64}$/

/** Ids of requests: the one that was sent, if it is fit for a log line, else one that no other instance gives. */
export function requestIds(): (request: { readonly headers: IncomingHttpHeaders }) => string {
  const prefix = randomBytes(6).toString('base64url')
  let count = 0
  return ({ headers }) => {
    const sent = headers[REQUEST_ID_HEADER]
    return typeof sent === 'string' && ACCEPTED.test(sent) ? sent : `${prefix}-${(++count).toString(36)}`
  }
}
