import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { type ExportResult, ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { RecordSpan, RecordTracer, TracedRecord } from '../../runtime/ports/tracing.ts'
import { type Header, type Headers, lastHeader, TextHeader } from '../../state/ports/headers.ts'

/** Plain data: crosses to the workers. */
export interface TracingConfig {
  /** OTEL_EXPORTER_OTLP_ENDPOINT */
  readonly endpoint: string
  /** OTEL_TRACES_SAMPLER_ARG: share of the records without a trace that begin one. */
  readonly ratio: number
  readonly applicationId: string
  readonly instanceId: string
}

export interface Tracing {
  readonly tracer: RecordTracer
  /** Sends what waits, for a few seconds at most. Never rejects. */
  close(): Promise<void>
}

const EXPORT_TIMEOUT_MS = 5000
const PROPAGATOR = new W3CTraceContextPropagator()

/** @param onLost called for spans that could not be delivered */
export function openTracing(config: TracingConfig, onLost: (error: Error) => void): Tracing {
  const url = `${config.endpoint.replace(/\/+$/, '')}/v1/traces`
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': config.applicationId,
      'service.instance.id': config.instanceId,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(config.ratio) }),
    spanProcessors: [
      new BatchSpanProcessor({ exporter: telling(exporter, onLost), exportTimeoutMillis: EXPORT_TIMEOUT_MS }),
    ],
  })
  return {
    tracer: new OtelTracer(provider.getTracer('ride-streams'), config.applicationId),
    // onLost reports lost spans.
    close: () => provider.shutdown().catch(() => undefined),
  }
}

/** The SDK keeps failures to itself. */
function telling(exporter: SpanExporter, onLost: (error: Error) => void): SpanExporter {
  return {
    export: (spans, done) =>
      exporter.export(spans, (result: ExportResult) => {
        if (result.code !== ExportResultCode.SUCCESS) {
          onLost(new Error(`${spans.length} spans were not delivered`, { cause: result.error }))
        }
        done(result)
      }),
    forceFlush: async () => await exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  }
}

class OtelTracer implements RecordTracer {
  readonly #tracer: Tracer
  readonly #group: string

  constructor(tracer: Tracer, group: string) {
    this.#tracer = tracer
    this.#group = group
  }

  begin({ taskId, topic, partition, offset, headers }: TracedRecord): RecordSpan | null {
    const parent = headers.length === 0 ? ROOT_CONTEXT : PROPAGATOR.extract(ROOT_CONTEXT, headers, HEADERS)
    const span = this.#tracer.startSpan(`process ${topic}`, { kind: SpanKind.CONSUMER }, parent)
    if (!span.isRecording()) return null
    span.setAttributes({
      'messaging.system': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': String(partition),
      'messaging.kafka.offset': offset,
      'messaging.consumer.group.name': this.#group,
      'ride_streams.task.id': taskId,
    })
    return new OtelSpan(span, parent)
  }
}

class OtelSpan implements RecordSpan {
  readonly headers: readonly Header[]
  readonly #span: Span

  constructor(span: Span, parent: Context) {
    const headers: Header[] = []
    PROPAGATOR.inject(trace.setSpan(parent, span), headers, {
      set: (carrier, key, value) => carrier.push(new TextHeader(key, value)),
    })
    this.headers = headers
    this.#span = span
  }

  end(failure: { readonly error: unknown } | null): void {
    if (failure !== null) {
      const { error } = failure
      this.#span.recordException(error instanceof Error ? error : String(error))
      this.#span.setStatus({
        code: SpanStatusCode.ERROR,
        message: error instanceof Error ? error.message : String(error),
      })
    }
    this.#span.end()
  }
}

const HEADERS: TextMapGetter<Headers> = {
  keys: (headers) => [...headers].map(({ key }) => key),
  get: (headers, key) => lastHeader(headers, key)?.toString('latin1'),
}
