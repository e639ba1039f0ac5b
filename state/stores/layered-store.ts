import type { EncodableChange, Row } from '../layers/row.ts'
import { copyHeaders, EncodableRow } from '../layers/row-codec.ts'
import type { RowLayers } from '../layers/row-layers.ts'
import type { StoreBackend } from '../ports/backend.ts'
import { NO_HEADERS } from '../ports/headers.ts'
import type {
  ChangelogSink,
  CommittedView,
  FlushedChange,
  ManagedStore,
  RestoredRecord,
  StoreContext,
} from '../ports/managed-store.ts'
import type { StateStore } from '../ports/stores.ts'
import type { KeyCodec } from './key-codec.ts'
import type { ObservedTime } from './observed-time.ts'

/** What a kind of store is built from. */
export interface StoreParts<Spec> {
  readonly spec: Spec
  readonly layers: RowLayers<unknown>
  readonly backend: StoreBackend
  readonly keys: KeyCodec<unknown>
  readonly context: StoreContext
  /** Counts a row that was not written because it is older than the store keeps. */
  readonly onDropped: (reason: string) => void
}

/** What makes a kind of store out of ordered rows: its typed API and how its keys and values look outside. */
export interface StoreKind<V> {
  readonly api: StateStore
  readonly committed: CommittedView
  /** Key and value of a row as a flush listener gets them. */
  flushedKey(storageKey: string): unknown
  flushedValue(row: Row<V>): unknown
  /** Kafka Streams' changelog key of a row. */
  changelogKey(storageKey: string): string
  /** The row a changelog record stands for; null = expired, skip. */
  storageKey(changelogKey: string, timestamp: number): string | null
  /** Drops expired rows, looking at about `limit` of them. Called before each freeze. */
  readonly expire?: ((limit: number) => void) | undefined
  /** The store's own stream time, when it has one. */
  readonly observed?: ObservedTime
  /** A null in the changelog is a row too (versions that delete). */
  readonly keepsTombstones?: boolean
}

export interface LayeredStoreParts<V> {
  readonly name: string
  readonly layers: RowLayers<V>
  readonly backend: StoreBackend
  readonly kind: StoreKind<V>
  readonly keepHeaders: boolean
}

/** Expiry keeps up with writing, and gets somewhere without. */
const EXPIRE_AT_LEAST = 64
const EXPIRE_PER_CHANGE = 2

/** Any kind of store as the commit cycle drives it. All state is in the layers. */
export class LayeredStore<V> implements ManagedStore {
  readonly name: string
  readonly api: StateStore
  readonly committed: CommittedView
  readonly #layers: RowLayers<V>
  readonly #backend: StoreBackend
  readonly #kind: StoreKind<V>
  readonly #keepHeaders: boolean
  #listener: ((change: FlushedChange<unknown, unknown>) => void) | null = null

  constructor({ name, layers, backend, kind, keepHeaders }: LayeredStoreParts<V>) {
    this.name = name
    this.api = kind.api
    this.committed = kind.committed
    this.#layers = layers
    this.#backend = backend
    this.#kind = kind
    this.#keepHeaders = keepHeaders
  }

  position(): number | null {
    return this.#backend.position()
  }

  async restore(records: readonly RestoredRecord[], position: number): Promise<void> {
    // Later records of a key win; one write per key.
    const changes = new Map<string, EncodableChange>()
    for (const { key, value, timestamp, headers } of records) {
      const storageKey = this.#kind.storageKey(key.toString('latin1'), timestamp)
      if (storageKey === null) continue
      const kept = this.#keepHeaders ? copyHeaders(headers) : NO_HEADERS
      const row =
        value === null && this.#kind.keepsTombstones !== true ? null : new EncodableRow(value, timestamp, kept)
      changes.set(storageKey, { key: storageKey, row })
    }
    await this.#layers.restore([...changes.values()], position, this.#kind.observed?.note)
  }

  wipe(): Promise<void> {
    this.#kind.observed?.reset()
    return this.#layers.wipe()
  }

  onFlush(listener: (change: FlushedChange<unknown, unknown>) => void): void {
    this.#listener = listener
  }

  flush(): void {
    const listener = this.#listener
    if (listener === null) {
      this.#layers.flush(null)
      return
    }
    const kind = this.#kind
    this.#layers.flush((key, newRow, oldRow, timestamp, headers) => {
      listener({
        key: kind.flushedKey(key),
        newValue: newRow === null ? null : kind.flushedValue(newRow),
        oldValue: oldRow === null ? null : kind.flushedValue(oldRow),
        timestamp,
        headers,
      })
    })
  }

  dirtyBytes(): number {
    return this.#layers.dirtyBytes()
  }

  dirtyEntries(): number {
    return this.#layers.dirtyEntries()
  }

  freeze(sink: ChangelogSink): void {
    const kind = this.#kind
    kind.expire?.(EXPIRE_AT_LEAST + EXPIRE_PER_CHANGE * this.#layers.dirtyEntries())
    kind.observed?.freeze()
    this.#layers.freeze((key, value, timestamp, headers) => sink(kind.changelogKey(key), value, timestamp, headers))
  }

  settle(position: number): Promise<void> {
    const { observed } = this.#kind
    observed?.settle()
    return this.#layers.settle(position, observed?.note)
  }

  discard(): void {
    this.#kind.observed?.discard()
    this.#layers.discard()
  }

  close(): Promise<void> {
    return this.#layers.close()
  }
}
