import type { Processor, ProcessorContext } from '../../processor.ts'
import { record, type StreamRecord } from '../../record.ts'
import { bytesSerde } from '../../serdes.ts'
import type { Change } from '../change.ts'
import type { CombinedKey } from './combined-key.ts'
import type { SubscriptionStore } from './receive-subscription.ts'
import type { SubscriptionResponse } from './subscription.ts'

export interface ForeignTableOptions<K, KO> {
  readonly storeName: string
  readonly keys: CombinedKey<K, KO>
  readonly versioned: boolean
}

/** Foreign side: sends the changed row of a foreign key to all its subscribers. */
export class ForeignTable<K, KO, VO> implements Processor<KO, Change<VO>, K, SubscriptionResponse<VO>> {
  readonly #options: ForeignTableOptions<K, KO>
  #context!: ProcessorContext<K, SubscriptionResponse<VO>>
  #store!: SubscriptionStore<K>

  constructor(options: ForeignTableOptions<K, KO>) {
    this.#options = options
  }

  init(context: ProcessorContext<K, SubscriptionResponse<VO>>): void {
    this.#context = context
    this.#store = context.store(this.#options.storeName)
  }

  process({ key, value, timestamp, headers }: StreamRecord<KO, Change<VO>>): void {
    if (key === null) {
      this.#context.drop('null-key')
      return
    }
    if (this.#options.versioned && !value.isLatest) {
      this.#context.drop('late')
      return
    }
    const { keys } = this.#options
    for (const [combined, row] of [...this.#store.prefixScan(keys.prefix(key), bytesSerde)]) {
      const { hash, primaryPartition } = row.value
      const response = { hash, foreignValue: value.newValue, primaryPartition }
      this.#context.forward(record(keys.primaryKeyOf(combined), response, timestamp, headers))
    }
  }
}
