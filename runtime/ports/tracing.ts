import type { Header, Headers } from '../../state/ports/headers.ts'
import type { TopicPartition } from './log.ts'

/**
 * A record on its way into a task; headers as they stand in the log. Several headers `traceparent` mean that it carries something of
 * several traces.
 */
export interface TracedRecord extends TopicPartition {
  /** No task processes it: undefined. */
  readonly taskId?: string
  readonly offset: number
  /** The name of the step, default `process`. */
  readonly operation?: string
  readonly headers: Headers
}

/** The processing of one record that is traced. */
export interface RecordSpan {
  /** Headers by which readers of the records continue the trace. */
  readonly headers: readonly Header[]
  /** @param failure the thrown error; null: none */
  end(failure: { readonly error: unknown } | null): void
}

/** Traces records from their events to the outputs. Implemented by infra/tracing. */
export interface RecordTracer {
  /** null: this record is not traced. Never throws. */
  begin(record: TracedRecord): RecordSpan | null
}
