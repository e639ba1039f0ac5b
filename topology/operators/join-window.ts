import type { WindowStore } from '../../state/ports/stores.ts'
import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import type { StreamRecord } from '../record.ts'

/** Keeps the records of one side of a stream-stream join, each after its own join. */
class JoinWindow<K, V> implements Processor<K, V, K, V> {
  readonly #storeName: string
  #context!: ProcessorContext<K, V>
  #store!: WindowStore<K, V>

  constructor(storeName: string) {
    this.#storeName = storeName
  }

  init(context: ProcessorContext<K, V>): void {
    this.#context = context
    this.#store = context.store(this.#storeName)
  }

  process(input: StreamRecord<K, V>): void {
    this.#context.forward(input)
    if (input.key !== null && input.value !== null) this.#store.put(input.key, input.value, input.timestamp)
  }
}

export function joinWindow<K, V>(storeName: string): ProcessorSupplier<K, V, K, V> {
  return () => new JoinWindow(storeName)
}
