import type { Processor, ProcessorContext } from '../../processor.ts'
import { record, type StreamRecord } from '../../record.ts'
import type { ValueGetter, ValueGetterSupplier } from '../table-operator.ts'
import type { SubscriptionResponse } from './subscription.ts'

export interface ResolveOptions<K, V, VO, VR> {
  readonly table: ValueGetterSupplier<K, V>
  readonly hash: (value: V) => Buffer
  readonly joiner: (left: V, foreign: VO | null, key: K) => VR | null
  readonly left: boolean
}

/** Left side: joins a response with the row that asked for it. When the row has changed since, the response is stale. */
export class ResolveResponse<K, V, VO, VR> implements Processor<K, SubscriptionResponse<VO>, K, VR | null> {
  readonly #options: ResolveOptions<K, V, VO, VR>
  #context!: ProcessorContext<K, VR | null>
  #getter!: ValueGetter<K, V>

  constructor(options: ResolveOptions<K, V, VO, VR>) {
    this.#options = options
  }

  init(context: ProcessorContext<K, VR | null>): void {
    this.#context = context
    this.#getter = this.#options.table.open(context)
  }

  process({ key, value: response, timestamp, headers }: StreamRecord<K, SubscriptionResponse<VO>>): void {
    const row = this.#getter.get(key)
    if (!sameHash(response.hash, row === null ? null : this.#options.hash(row.value))) {
      this.#context.drop('stale-response')
      return
    }
    const joins = row !== null && (this.#options.left || response.foreignValue !== null)
    const value = joins ? (this.#options.joiner(row.value, response.foreignValue, key) ?? null) : null
    this.#context.forward(record(key, value, timestamp, headers))
  }
}

function sameHash(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}
