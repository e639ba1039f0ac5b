import type { Headers } from '../../state/ports/headers.ts'
import type { FlushedChange } from '../../state/ports/managed-store.ts'
import type { ProcessorContext } from '../processor.ts'
import { record } from '../record.ts'
import { type Change, change } from './change.ts'
import type { PutResult } from './table-store.ts'

export interface TableForwarderOptions {
  readonly storeName: string
  readonly caching: boolean
  readonly sendOldValues: boolean
}

/**
 * Passes on the changes of a materialised table: at once, or, when the store caches, what the store hands over at
 * commit (coalesced per key). Old values are sent only when a downstream operator asked for them.
 */
export class TableForwarder<K, V> {
  readonly #context: ProcessorContext<K, Change<V>>
  readonly #sendOldValues: boolean
  readonly #caching: boolean

  constructor(context: ProcessorContext<K, Change<V>>, options: TableForwarderOptions) {
    this.#context = context
    this.#sendOldValues = options.sendOldValues
    this.#caching = options.caching
    if (options.caching)
      context.onStoreFlush(options.storeName, (flushed) => this.#flush(flushed as FlushedChange<K, V>))
  }

  /** True when a downstream operator gets old values: a fold that changes its aggregate in place must not reach them. */
  get sendsOldValues(): boolean {
    return this.#sendOldValues && !this.#caching
  }

  /** `put`: what the store did with the new value; nothing is forwarded for a dropped one. */
  forward(
    key: K,
    values: { newValue: V | null; oldValue: V | null; put: PutResult },
    timestamp: number,
    headers: Headers,
  ): void {
    if (this.#caching || values.put === 'dropped') return
    const oldValue = this.#sendOldValues ? values.oldValue : null
    this.#context.forward(record(key, change(values.newValue, oldValue, values.put === 'latest'), timestamp, headers))
  }

  #flush(flushed: FlushedChange<K, V>): void {
    const { key, newValue, timestamp, headers } = flushed
    const oldValue = this.#sendOldValues ? flushed.oldValue : null
    this.#context.forward(record(key, change(newValue, oldValue), timestamp, headers))
  }
}
