import type { KeyValueStore, ValueAndTimestamp } from '../../../state/ports/stores.ts'
import type { Processor, ProcessorContext } from '../../processor.ts'
import { record, type StreamRecord } from '../../record.ts'
import type { ValueGetter, ValueGetterSupplier } from '../table-operator.ts'
import type { CombinedKey } from './combined-key.ts'
import { Instruction, type Subscription, type SubscriptionResponse } from './subscription.ts'

export type SubscriptionStore<K> = KeyValueStore<Buffer, ValueAndTimestamp<Subscription<K>>>

/** Foreign side: keeps the subscriptions of each foreign key. */
export class ReceiveSubscription<K, KO> implements Processor<KO | null, Subscription<K>, KO | null, Subscription<K>> {
  readonly #storeName: string
  readonly #keys: CombinedKey<K, KO>
  #context!: ProcessorContext<KO | null, Subscription<K>>
  #store!: SubscriptionStore<K>

  constructor(storeName: string, keys: CombinedKey<K, KO>) {
    this.#storeName = storeName
    this.#keys = keys
  }

  init(context: ProcessorContext<KO | null, Subscription<K>>): void {
    this.#context = context
    this.#store = context.store(this.#storeName)
  }

  process(input: StreamRecord<KO | null, Subscription<K>>): void {
    const { key, value, timestamp } = input
    if (key === null) {
      if (value.instruction === Instruction.propagate) this.#context.forward(input)
      else this.#context.drop('null-foreign-key')
      return
    }
    const deletes =
      value.instruction === Instruction.deleteSilently || value.instruction === Instruction.deleteAndPropagate
    this.#store.put(this.#keys.of(key, value.primaryKey), deletes ? null : { value, timestamp })
    this.#context.forward(input)
  }
}

/**
 * Foreign side: answers a subscription with the foreign row of which the subscribers know. A later one, which is not passed on yet, comes
 * with the next flush, unless it is gone by then: who had got it already would keep it for good.
 */
export class AnswerSubscription<K, KO, VO>
  implements Processor<KO | null, Subscription<K>, K, SubscriptionResponse<VO>>
{
  readonly #table: ValueGetterSupplier<KO, VO>
  #context!: ProcessorContext<K, SubscriptionResponse<VO>>
  #getter!: ValueGetter<KO, VO>

  constructor(table: ValueGetterSupplier<KO, VO>) {
    this.#table = table
  }

  init(context: ProcessorContext<K, SubscriptionResponse<VO>>): void {
    this.#context = context
    this.#getter = this.#table.open(context)
  }

  process({ key, value: subscription, timestamp, headers }: StreamRecord<KO | null, Subscription<K>>): void {
    const { hash, instruction, primaryKey, primaryPartition } = subscription
    const row = key === null ? null : this.#getter.getForwarded(key)
    if (instruction === Instruction.deleteSilently) return
    if (instruction === Instruction.propagateIfPresent && row === null) return
    const foreignValue = instruction === Instruction.deleteAndPropagate ? null : (row?.value ?? null)
    const response = { hash, foreignValue, primaryPartition }
    this.#context.forward(record(primaryKey, response, Math.max(timestamp, row?.timestamp ?? -1), headers))
  }
}
