import type { Header } from '../state/ports/headers.ts'
import { record, type StreamRecord } from '../topology/record.ts'
import type { RecordTracer, TracedRecord } from './ports/tracing.ts'
import type { TaskNode } from './task-node.ts'

export interface TracedSourceOptions {
  readonly name: string
  readonly children: readonly TaskNode[]
  readonly tracer: RecordTracer
  /** The record that is processed, as it was fetched. */
  readonly fetched: () => TracedRecord
  /** Sets the record that plain stores take headers from. */
  readonly setCurrent: (record: StreamRecord<unknown, unknown>) => void
}

/**
 * Stands between a source and its nodes when records are traced, and only then. A traced record goes on with the headers of its span, which
 * reach whatever comes of it as any header does: outputs, repartition topics, rows that are flushed later.
 */
export class TracedSource implements TaskNode {
  readonly name: string
  readonly #options: TracedSourceOptions

  constructor(options: TracedSourceOptions) {
    this.name = options.name
    this.#options = options
  }

  process(given: StreamRecord<unknown, unknown>): void {
    const { tracer, fetched, setCurrent } = this.#options
    const span = tracer.begin(fetched())
    if (span === null) {
      this.#forward(given)
      return
    }
    const { key, value, timestamp } = given
    const traced = record(key, value, timestamp, withHeaders(given.headers, span.headers))
    setCurrent(traced)
    let failure: { readonly error: unknown } | null = null
    try {
      this.#forward(traced)
    } catch (error) {
      failure = { error }
      throw error
    } finally {
      span.end(failure)
    }
  }

  #forward(given: StreamRecord<unknown, unknown>): void {
    for (const child of this.#options.children) child.process(given)
  }
}

/** Those of the span take the place of what the event brought. */
function withHeaders(own: Iterable<Header>, ofSpan: readonly Header[]): readonly Header[] {
  const names = new Set(ofSpan.map(({ key }) => key))
  return [...[...own].filter(({ key }) => !names.has(key)), ...ofSpan]
}
