import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import type { StreamRecord } from '../record.ts'
import { holds } from './predicate.ts'

/** Branches of a split as they are declared; read when the processor is made, after all are declared. */
export interface Branches<K, V> {
  readonly predicates: Array<(key: K, value: V) => boolean>
  /** One child per predicate, then the default branch if there is one. */
  readonly children: string[]
}

/** Sends each record to the first branch whose predicate holds, else to the default branch, else nowhere. */
class Branch<K, V> implements Processor<K, V, K, V> {
  readonly #branches: Branches<K, V>
  #context!: ProcessorContext<K, V>

  constructor(branches: Branches<K, V>) {
    this.#branches = branches
  }

  init(context: ProcessorContext<K, V>): void {
    this.#context = context
  }

  process(input: StreamRecord<K, V>): void {
    const { predicates, children } = this.#branches
    const match = predicates.findIndex((predicate) => holds(predicate(input.key, input.value), this.#context.nodeName))
    const child = children[match === -1 ? predicates.length : match]
    if (child !== undefined) this.#context.forward(input, child)
  }
}

export function branch<K, V>(branches: Branches<K, V>): ProcessorSupplier<K, V, K, V> {
  return () => new Branch(branches)
}
