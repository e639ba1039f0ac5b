import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

type Attributes = Readonly<Record<string, unknown>>

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** '' when it begins a trace. */
  readonly parentSpanId: string
  readonly name: string
  readonly kind: number
  readonly attributes: Attributes
  readonly resource: Attributes
  readonly status: number
}

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface TraceRequest {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: ReadonlyArray<{
      readonly spans: ReadonlyArray<
        Omit<ReceivedSpan, 'attributes' | 'resource' | 'status' | 'parentSpanId'> & {
          readonly parentSpanId?: string
          readonly attributes: readonly Attribute[]
          readonly status: { readonly code: number }
        }
      >
    }>
  }>
}

/** A minimal OpenTelemetry collector: it takes traces by OTLP over HTTP, in JSON. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = []
  /** Status of the next answers. */
  status = 200
  readonly #server: Server

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver()
    receiver.#server.listen(0, '127.0.0.1')
    await once(receiver.#server, 'listening')
    return receiver
  }

  private constructor() {
    this.#server = createServer(async (request, response) => {
      if (request.method !== 'POST' || request.url !== '/v1/traces') this.status = 404
      const body = (await json(request)) as TraceRequest
      if (this.status === 200) this.#take(body)
      response.writeHead(this.status, { 'content-type': 'application/json' }).end('{}')
    })
  }

  /** OTEL_EXPORTER_OTLP_ENDPOINT */
  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #take({ resourceSpans }: TraceRequest): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        const { traceId, spanId, parentSpanId = '', name, kind } = span
        const attributes = fields(span.attributes)
        const status = span.status.code
        this.spans.push({
          traceId,
          spanId,
          parentSpanId,
          name,
          kind,
          attributes,
          resource: fields(resource.attributes),
          status,
        })
      }
    }
  }
}

function fields(attributes: readonly Attribute[]): Attributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
