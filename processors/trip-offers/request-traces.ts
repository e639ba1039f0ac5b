import { type Header, type Headers, NO_HEADERS, TextHeader } from '../../topology/index.ts'
import { TRACEPARENT } from '../events/correlation-headers.ts'
import { headersOf, type OfferRequest } from './asked-batch.ts'

/*
 * The way of the requests' traces through the records of batches. Such a record has one header `traceparent` for each traced request, so
 * each step on the way is a span in the trace of each of them.
 */

/** Where the id of the trace stands in a traceparent. */
const TRACE_ID = [3, 35] as const

/** Headers of the record that asks for these requests. */
export function tracesOf(requests: readonly OfferRequest[]): Headers {
  const traces: Header[] = []
  for (const [, , , , , , texts] of requests) {
    // A correlation id alone: the usual case.
    if (typeof texts === 'string') continue
    for (const [key, text] of texts) if (key === TRACEPARENT) traces.push(new TextHeader(key, text))
  }
  return traces.length === 0 ? NO_HEADERS : traces
}

/** Headers of the request's offer: its trace goes on from the step that has these headers. */
export function onTrace(texts: OfferRequest[6], step: Headers): Headers {
  if (typeof texts === 'string' || texts.length === 0 || step.length === 0) return headersOf(texts)
  const parents = [...step].filter(({ key }) => key === TRACEPARENT).map(({ value }) => String(value))
  return headersOf(
    texts.map(([key, text]) => [
      key,
      key === TRACEPARENT ? (parents.find((parent) => traceOf(parent) === traceOf(text)) ?? text) : text,
    ]),
  )
}

function traceOf(traceparent: string): string {
  return traceparent.slice(...TRACE_ID)
}
