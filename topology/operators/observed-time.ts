import type { ProcessorContext } from '../processor.ts'

/** A time that only grows, kept with the committed offsets where the runtime can: the same after a restart. */
export class ObservedTime {
  readonly #context: ProcessorContext
  readonly #key: string
  #value: number

  /** `what`: unique within the node. */
  constructor(context: ProcessorContext, what: string) {
    this.#context = context
    this.#key = `${context.nodeName}.${what}`
    this.#value = context.metadata?.get(this.#key) ?? -1
  }

  /** Epoch ms; -1 before the first. */
  get value(): number {
    return this.#value
  }

  advance(to: number): void {
    if (to <= this.#value) return
    this.#value = to
    this.#context.metadata?.set(this.#key, to)
  }
}
