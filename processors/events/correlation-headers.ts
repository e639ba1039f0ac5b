import type { Header, Headers } from '../../state/ports/headers.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'

export const CORRELATION_ID = 'correlation-id'
const EVENT_VERSION = '1.0'

/** The one header that travels with a record: encoded only when an output is written. */
class CorrelationHeaders implements Headers {
  readonly length = 1
  readonly correlationId: string

  constructor(correlationId: string) {
    this.correlationId = correlationId
  }

  *[Symbol.iterator](): Iterator<Header> {
    yield { key: CORRELATION_ID, value: Buffer.from(this.correlationId) }
  }
}

export function correlationHeaders(correlationId: string | null): Headers {
  return correlationId === null ? NO_HEADERS : new CorrelationHeaders(correlationId)
}

/** For a sink's `headers`: event-type (the output topic), event-version, and correlation-id when the record carries one. */
export function outputHeaders(topic: string): (headers: Headers) => Headers {
  const own: readonly Header[] = [
    { key: 'event-type', value: Buffer.from(topic) },
    { key: 'event-version', value: Buffer.from(EVENT_VERSION) },
  ]
  return (headers) => {
    if (headers.length === 0) return own
    return [...own, ...[...headers].filter((header) => header.key === CORRELATION_ID)]
  }
}
