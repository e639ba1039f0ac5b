import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'

/** A record that came too late for a window, on its way to the late topic. */
class LateRecord {
  readonly original: StreamRecord<unknown, unknown>

  constructor(original: StreamRecord<unknown, unknown>) {
    this.original = original
  }
}

/** Counts late records, and sends them to the named child when there is a late topic. */
export class LateRecords {
  readonly #context: ProcessorContext
  readonly #child: string | undefined

  constructor(context: ProcessorContext, child: string | undefined) {
    this.#context = context
    this.#child = child
  }

  count(): void {
    this.#context.drop('late')
  }

  /** Once per record, however many of its windows were closed. */
  send(late: StreamRecord<unknown, unknown>): void {
    if (this.#child === undefined) return
    this.#context.forward(record(late.key, new LateRecord(late), late.timestamp, late.headers), this.#child)
  }
}

/** Stands between a windowed aggregate and its late topic: lets late records pass, and nothing else. */
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
