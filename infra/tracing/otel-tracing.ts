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
const TRACEPARENT = 'traceparent'
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

  begin(record: TracedRecord): RecordSpan | null {
    const { taskId, topic, partition, offset, headers, operation = 'process' } = record
    const attributes = {
      'messaging.system': 'kafka',
      'messaging.operation.name': operation,
      'messaging.operation.type': 'process',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': String(partition),
      'messaging.kafka.offset': offset,
      'messaging.consumer.group.name': this.#group,
      ...(taskId !== undefined && { 'ride_streams.task.id': taskId }),
    }
    const spans: [Context, Span][] = []
    for (const parent of parentsOf(headers)) {
      const span = this.#tracer.startSpan(`${operation} ${topic}`, { kind: SpanKind.CONSUMER }, parent)
      if (span.isRecording()) spans.push([parent, span.setAttributes(attributes)])
    }
    return spans.length === 0 ? null : new OtelSpan(spans)
  }
}

/** The traces of the record. A record of several requests is in the trace of each; a record without a trace may begin one. */
function parentsOf(headers: Headers): readonly Context[] {
  if (headers.length === 0) return [ROOT_CONTEXT]
  const parents = [...headers].filter(({ key }) => key === TRACEPARENT)
  if (parents.length <= 1) return [PROPAGATOR.extract(ROOT_CONTEXT, headers, HEADERS)]
  return parents.map((header) => PROPAGATOR.extract(ROOT_CONTEXT, [header], HEADERS))
}

/** The processing of one record, as a span in each of its traces. */
class OtelSpan implements RecordSpan {
  readonly headers: readonly Header[]
  readonly #spans: readonly Span[]

  constructor(spans: readonly (readonly [parent: Context, span: Span])[]) {
    const headers: Header[] = []
    for (const [parent, span] of spans) {
      PROPAGATOR.inject(trace.setSpan(parent, span), headers, {
        set: (carrier, key, value) => carrier.push(new TextHeader(key, value)),
      })
    }
    this.headers = headers
    this.#spans = spans.map(([, span]) => span)
  }

  end(failure: { readonly error: unknown } | null): void {
    for (const span of this.#spans) {
      if (failure !== null) {
        const { error } = failure
        const message = error instanceof Error ? error.message : String(error)
        span.recordException(error instanceof Error ? error : message)
        span.setStatus({ code: SpanStatusCode.ERROR, message })
      }
      span.end()
    }
  }
}

const HEADERS: TextMapGetter<Headers> = {
  keys: (headers) => [...headers].map(({ key }) => key),
  get: (headers, key) => lastHeader(headers, key)?.toString('latin1'),
}
