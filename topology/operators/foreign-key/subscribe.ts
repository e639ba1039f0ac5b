import type { Processor, ProcessorContext } from '../../processor.ts'
import { record, type StreamRecord } from '../../record.ts'
import type { Change } from '../change.ts'
import type { CombinedKey } from './combined-key.ts'
import { Instruction, type Subscription } from './subscription.ts'

export interface SubscribeOptions<K, V, KO> {
  readonly foreignKeyOf: (value: V, key: K) => KO | null
  readonly keys: CombinedKey<K, KO>
  readonly hash: (value: V) => Buffer
  readonly left: boolean
  /** Late updates of a versioned table are dropped. */
  readonly versioned: boolean
}

/** Left table: subscribes each row to its foreign key, and cancels the subscription to the former one. */
export class Subscribe<K, V, KO> implements Processor<K, Change<V>, KO | null, Subscription<K>> {
  readonly #options: SubscribeOptions<K, V, KO>
  #context!: ProcessorContext<KO | null, Subscription<K>>

  constructor(options: SubscribeOptions<K, V, KO>) {
    this.#options = options
  }

  init(context: ProcessorContext<KO | null, Subscription<K>>): void {
    this.#context = context
  }

  process(input: StreamRecord<K, Change<V>>): void {
    const { foreignKeyOf, left, versioned } = this.#options
    const { key, value } = input
    if (versioned && !value.isLatest) {
      this.#context.drop('late')
      return
    }
    if (value.newValue === null && value.oldValue === null) return
    const before = value.oldValue === null ? null : foreignKeyOf(value.oldValue, key)
    const after = value.newValue === null ? null : foreignKeyOf(value.newValue, key)
    if (left) this.#subscribeLeft(input, before, after)
    else this.#subscribeInner(input, before, after)
  }

  #subscribeLeft(input: StreamRecord<K, Change<V>>, before: KO | null, after: KO | null): void {
    const hash = this.#hash(input)
    if (before !== null && this.#differ(before, after)) this.#send(input, hash, before, Instruction.deleteSilently)
    this.#send(input, hash, after, Instruction.propagate)
  }

  #subscribeInner(input: StreamRecord<K, Change<V>>, before: KO | null, after: KO | null): void {
    if (after === null) {
      if (input.value.newValue !== null) this.#context.drop('null-foreign-key')
      if (before !== null) this.#send(input, this.#hash(input), before, Instruction.deleteAndPropagate)
      return
    }
    const hash = this.#hash(input)
    if (before !== null && this.#differ(before, after)) {
      this.#send(input, hash, before, Instruction.deleteSilently)
      // Even an inner join must remove the result of the former foreign row.
      this.#send(input, hash, after, Instruction.propagate)
    } else this.#send(input, hash, after, Instruction.propagateIfPresent)
  }

  /** One change may send two subscriptions, so they share it. */
  #hash({ value: { newValue } }: StreamRecord<K, Change<V>>): Buffer | null {
    return newValue === null ? null : this.#options.hash(newValue)
  }

  #differ(before: KO, after: KO | null): boolean {
    const { keys } = this.#options
    return after === null || !keys.foreignKey(before).equals(keys.foreignKey(after))
  }

  #send(
    { key, timestamp, headers }: StreamRecord<K, Change<V>>,
    hash: Buffer | null,
    to: KO | null,
    instruction: Instruction,
  ): void {
    const { partition } = this.#context
    const subscription = { hash, instruction, primaryKey: key, primaryPartition: partition }
    this.#context.forward(record(to, subscription, timestamp, headers))
  }
}
