import type { GlobalTableHandle } from './dsl.ts'
import { Handled } from './handled.ts'
import type { GlobalKTable } from './types.ts'

export class GlobalKTableImpl<K, V> extends Handled<GlobalTableHandle<K, V>> implements GlobalKTable<K, V> {
  get queryableStoreName(): string {
    return this.handle.queryableStoreName
  }
}
