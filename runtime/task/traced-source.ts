import type { Header } from '../../state/ports/headers.ts'
import { record, type StreamRecord } from '../../topology/record.ts'
import type { LogRecord } from '../ports/log.ts'
import type { RecordTracer, TracedRecord } from '../ports/tracing.ts'
import type { RecordQueue } from './record-queue.ts'
import type { TaskGraph } from './task-graph.ts'
import type { TaskEnvironment, TaskNode } from './task-node.ts'

interface TracedSourceOptions {
  readonly name: string
  readonly children: readonly TaskNode[]
  readonly tracer: RecordTracer
  /** The record that is processed, as it was fetched. */
  readonly fetched: () => TracedRecord
  /** Sets the record that plain stores take headers from. */
  readonly setCurrent: (record: StreamRecord<unknown, unknown>) => void
}

/** Puts a TracedSource behind each source of a task's graph. */
export function traceSources(
  graph: TaskGraph,
  {
    tracer,
    task,
    processing,
  }: { readonly tracer: RecordTracer; readonly task: TaskEnvironment; readonly processing: () => RecordQueue },
): void {
  const fetched = (): TracedRecord => {
    const { topic, partition, headRaw } = processing()
    const { offset, headers } = headRaw as LogRecord
    return { taskId: task.id, topic, partition, offset, headers }
  }
  const setCurrent = (current: StreamRecord<unknown, unknown>): void => {
    task.current = current
  }
  graph.wrapSources((name, children) => new TracedSource({ name, children, tracer, fetched, setCurrent }))
}

/**
 * Stands between a source and its nodes when records are traced, and only then. A traced record goes on with the headers of its span, which
 * reach whatever comes of it as any header does: outputs, repartition topics, rows that are flushed later.
 */
class TracedSource implements TaskNode {
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

/** Headers of the span replace those that came with the event. */
function withHeaders(own: Iterable<Header>, ofSpan: readonly Header[]): readonly Header[] {
  const names = new Set(ofSpan.map(({ key }) => key))
  return [...[...own].filter(({ key }) => !names.has(key)), ...ofSpan]
}
