import { type Header, type Headers, NO_HEADERS, TextHeader } from '../../topology/index.ts'

export const CORRELATION_ID = 'correlation-id'
/** Header of W3C trace context. */
export const TRACEPARENT = 'traceparent'
/** Headers that outputs copy from the record; those of W3C trace context exist only when it is traced. */
const HANDED_ON: ReadonlySet<string> = new Set([CORRELATION_ID, TRACEPARENT, 'tracestate'])
const EVENT_VERSION = '1.0'

/** The one header that travels with a record, as header and as the list of it. */
class CorrelationHeaders extends TextHeader implements Headers {
  readonly length = 1

  constructor(correlationId: string) {
    super(CORRELATION_ID, correlationId)
  }

  *[Symbol.iterator](): Iterator<Header> {
    yield this
  }
}

export function correlationHeaders(correlationId: string | null): Headers {
  return correlationId === null ? NO_HEADERS : new CorrelationHeaders(correlationId)
}

/** For a sink's `headers`: event-type (the output topic), event-version, and correlation-id and trace context when the record carries them. */
export function outputHeaders(topic: string): (headers: Headers) => Headers {
  const type = new TextHeader('event-type', topic)
  const version = new TextHeader('event-version', EVENT_VERSION)
  const own: readonly Header[] = [type, version]
  return (headers) => {
    if (headers.length === 0) return own
    if (headers instanceof CorrelationHeaders) return [type, version, headers]
    return [...own, ...[...headers].filter((header) => HANDED_ON.has(header.key))]
  }
}
