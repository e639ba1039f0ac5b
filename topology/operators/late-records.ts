import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'

/** A record that came too late for a window, on its way to the late topic. */
class LateRecord {
  readonly original: StreamRecord<unknown, unknown>

  constructor(original: StreamRecord<unknown, unknown>) {
    this.original = original
  }
}

/**
 * Counts, for each window that was closed, that a record came too late for it; sends records that no window took to the named
 * child when there is a late topic. So results and late topic together hold each record, and none twice (as Flink's side
 * output of late data does it). Kafka Streams has no late topic.
 */
export class LateRecords {
  readonly #context: ProcessorContext
  readonly #child: string | undefined

  constructor(context: ProcessorContext, child: string | undefined) {
    this.#context = context
    this.#child = child
  }

  /** Counts a record that came too late for one window. */
  count(): void {
    this.#context.drop('late')
  }

  /** All windows of the record were closed: once per record. */
  send(late: StreamRecord<unknown, unknown>): void {
    if (this.#child === undefined) return
    this.#context.forward(record(late.key, new LateRecord(late), late.timestamp, late.headers), this.#child)
  }
}

/** Connects a windowed aggregate to its late topic: forwards late records only. */
class LateRecordFilter implements Processor {
  #context!: ProcessorContext

  init(context: ProcessorContext): void {
    this.#context = context
  }

  process({ value }: StreamRecord<unknown, unknown>): void {
    if (value instanceof LateRecord) this.#context.forward(value.original)
  }
}

export const lateRecordFilter: ProcessorSupplier<unknown, unknown, unknown, unknown> = () => new LateRecordFilter()
