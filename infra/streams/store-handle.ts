import type {
  KeyOptions,
  KeyPageOptions,
  KeyQueryMetadata,
  QueryAnswer,
  RowsAnswer,
  SessionOptions,
  StorePageOptions,
  StoreQueries,
  StoreScan,
} from '../../runtime/ports/instance.ts'
import type { VersionedRecord, Windowed } from '../../state/ports/stores.ts'

/** The queries of one store with the types of its keys and rows, which the caller knows. What each of them means: StoreQueries. */
export class StoreHandle<K, V> {
  readonly name: string
  readonly #queries: StoreQueries

  constructor(queries: StoreQueries, name: string) {
    this.#queries = queries
    this.name = name
  }

  get(key: K, options?: KeyOptions): Promise<QueryAnswer<V | null>> {
    return this.#queries.get<V>(this.name, key, options)
  }

  range(from: K | null, to: K | null, options?: StorePageOptions): Promise<RowsAnswer<readonly [K, V]>> {
    return this.#queries.range<K, V>(this.name, from, to, options)
  }

  fetch(key: K, from: number, to: number, options?: KeyPageOptions): Promise<RowsAnswer<readonly [number, V]>> {
    return this.#queries.fetch<V>(this.name, key, from, to, options)
  }

  fetchAll(from: number, to: number, options?: StorePageOptions): Promise<RowsAnswer<readonly [Windowed<K>, V]>> {
    return this.#queries.fetchAll<K, V>(this.name, from, to, options)
  }

  sessions(key: K, options?: SessionOptions): Promise<RowsAnswer<readonly [Windowed<K>, V]>> {
    return this.#queries.sessions<K, V>(this.name, key, options)
  }

  asOf(key: K, time: number, options?: KeyOptions): Promise<QueryAnswer<VersionedRecord<V> | null>> {
    return this.#queries.asOf<V>(this.name, key, time, options)
  }

  all(options?: StoreScan): Promise<RowsAnswer<readonly [K, V]>> {
    return this.#queries.scan<K, V>(this.name, options)
  }

  queryMetadataForKey(key: K, options?: Pick<KeyOptions, 'partitioner'>): KeyQueryMetadata {
    return this.#queries.queryMetadataForKey(this.name, key, options)
  }
}
