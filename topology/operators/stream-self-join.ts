import type { WindowStore } from '../../state/ports/stores.ts'
import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import type { JoinWindows } from '../windows.ts'

export interface StreamSelfJoinOptions<K, V, VR> {
  readonly windows: JoinWindows
  readonly joiner: (left: V, right: V, key: K) => VR
  readonly storeName: string
}

/** A windowed inner join of a stream with itself, on one store. The results are those of the join with two, in the same order. */
class StreamSelfJoin<K, V, VR> implements Processor<K, V, K, VR> {
  readonly #options: StreamSelfJoinOptions<K, V, VR>
  #context!: ProcessorContext<K, VR>
  #store!: WindowStore<K, V>

  constructor(options: StreamSelfJoinOptions<K, V, VR>) {
    this.#options = options
  }

  init(context: ProcessorContext<K, VR>): void {
    this.#context = context
    this.#store = context.store(this.#options.storeName)
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, V>): void {
    if (key === null || value === null) {
      this.#context.drop('null-key-or-value')
      return
    }
    const { joiner, windows } = this.#options
    const { beforeMs, afterMs } = windows
    const send = (output: VR, otherTimestamp: number): void =>
      this.#context.forward(record(key, output, Math.max(timestamp, otherTimestamp), headers))
    for (const [at, other] of this.#within(key, timestamp - beforeMs, timestamp + afterMs))
      send(joiner(value, other, key), at)
    // From here on the record is in its own window, as in that of the other side.
    this.#store.put(key, value, timestamp)
    for (const [at, other] of this.#within(key, timestamp - afterMs, timestamp + beforeMs))
      send(joiner(other, value, key), at)
  }

  #within(key: K, from: number, to: number): readonly (readonly [number, V])[] {
    return [...this.#store.fetchRange(key, Math.max(0, from), to)]
  }
}

export function streamSelfJoin<K, V, VR>(options: StreamSelfJoinOptions<K, V, VR>): ProcessorSupplier<K, V, K, VR> {
  return () => new StreamSelfJoin(options)
}
