import type { VersionedRecord, Windowed } from '../../state/ports/stores.ts'
import type {
  IndexQuery,
  KeyQueryMetadata,
  MinOffset,
  QueryAnswer,
  RowsAnswer,
  RowWatch,
  SessionOptions,
  StorePageOptions,
  StoreQueries,
} from '../ports/instance.ts'

/** Queries that something else answers. */
export abstract class DelegatedQueries implements StoreQueries {
  protected abstract get queries(): StoreQueries

  get<V>(...query: Parameters<StoreQueries['get']>): Promise<QueryAnswer<V | null>> {
    return this.queries.get<V>(...query)
  }

  range<K, V>(
    store: string,
    from: K | null,
    to: K | null,
    options?: StorePageOptions,
  ): Promise<RowsAnswer<readonly [K, V]>> {
    return this.queries.range<K, V>(store, from, to, options)
  }

  fetch<V>(...query: Parameters<StoreQueries['fetch']>): Promise<RowsAnswer<readonly [number, V]>> {
    return this.queries.fetch<V>(...query)
  }

  fetchAll<K, V>(...query: Parameters<StoreQueries['fetchAll']>): Promise<RowsAnswer<readonly [Windowed<K>, V]>> {
    return this.queries.fetchAll<K, V>(...query)
  }

  sessions<K, V>(store: string, key: K, options?: SessionOptions): Promise<RowsAnswer<readonly [Windowed<K>, V]>> {
    return this.queries.sessions<K, V>(store, key, options)
  }

  asOf<V>(...query: Parameters<StoreQueries['asOf']>): Promise<QueryAnswer<VersionedRecord<V> | null>> {
    return this.queries.asOf<V>(...query)
  }

  scan<K, V>(...query: Parameters<StoreQueries['scan']>): Promise<RowsAnswer<readonly [K, V]>> {
    return this.queries.scan<K, V>(...query)
  }

  ask(store: string, query: IndexQuery): Promise<QueryAnswer<readonly unknown[]>> {
    return this.queries.ask(store, query)
  }

  getJson(...query: Parameters<StoreQueries['getJson']>): Promise<QueryAnswer<string | null>> {
    return this.queries.getJson(...query)
  }

  watch(...watch: Parameters<StoreQueries['watch']>): Promise<RowWatch> {
    return this.queries.watch(...watch)
  }

  watchPage(...watch: Parameters<StoreQueries['watchPage']>): Promise<RowWatch> {
    return this.queries.watchPage(...watch)
  }

  sourceOffsets(...query: Parameters<StoreQueries['sourceOffsets']>): Promise<readonly MinOffset[] | null> {
    return this.queries.sourceOffsets(...query)
  }

  passed(...query: Parameters<StoreQueries['passed']>): Promise<boolean> {
    return this.queries.passed(...query)
  }

  queryMetadataForKey(...query: Parameters<StoreQueries['queryMetadataForKey']>): KeyQueryMetadata {
    return this.queries.queryMetadataForKey(...query)
  }

  streamsMetadataForStore(store: string): readonly KeyQueryMetadata[] {
    return this.queries.streamsMetadataForStore(store)
  }
}
