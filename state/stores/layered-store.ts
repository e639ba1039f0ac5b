import type { EncodableChange, Row } from '../layers/row.ts'
import { copyHeaders, EncodableRow } from '../layers/row-codec.ts'
import type { RowLayers } from '../layers/row-layers.ts'
import type { StoreBackend } from '../ports/backend.ts'
import { serializedOf } from '../ports/grown-parts.ts'
import { type Headers, NO_HEADERS } from '../ports/headers.ts'
import type { KeptNumber } from '../ports/kept-number.ts'
import type {
  ChangelogSink,
  CommittedView,
  FlushedChange,
  ManagedStore,
  RestoredRecord,
  StoreContext,
} from '../ports/managed-store.ts'
import type { StateStore } from '../ports/stores.ts'
import { RestoredParts, writeParts } from './changelog-parts.ts'
import { KEPT_NUMBERS_KEY, type KeptNumbers } from './kept-numbers.ts'
import type { KeyCodec } from './key-codec.ts'
import type { ObservedTime } from './observed-time.ts'
import { noteText, type StoreNote } from './store-note.ts'
import type { ValueCodec } from './value-codec.ts'
import { toChangelogValue, type VersionedChangelog } from './versioned-changelog.ts'

/** The parts that a kind of store is built from. */
export interface StoreParts<Spec> {
  readonly spec: Spec
  readonly layers: RowLayers<unknown>
  readonly backend: StoreBackend
  /** The note that the backend kept with the rows. */
  readonly note: StoreNote
  readonly keys: KeyCodec<unknown>
  readonly context: StoreContext
  readonly values: ValueCodec
  /** Counts a row that was not written because it is older than the store keeps. */
  readonly onDropped: (reason: string) => void
}

/** Makes a kind of store out of ordered rows: its typed API, and how its keys and values look outside. */
export interface StoreKind<V> {
  readonly api: StateStore
  readonly committed: CommittedView
  /** Key and value of a row in the form for a flush listener. */
  flushedKey(storageKey: string): unknown
  flushedValue(row: Row<V>): unknown
  /** Kafka Streams' changelog key of a row. */
  changelogKey(storageKey: string): string
  /**
   * The row a changelog record stands for; null: none. Expired ones too: they are dropped, and so deleted in the changelog, by the next
   * commits. Not called where the changelog is one of parts.
   */
  restored(changelogKey: string, record: RestoredRecord, headers: Headers): EncodableChange | null
  /** Drops expired rows, looking at about `limit` of them. Called before each freeze. */
  readonly expire?: ((limit: number) => void) | undefined
  /** Rows may be there that the API has not put: restored ones, or those that a discarded epoch had dropped. */
  readonly otherRows?: () => void
  /** The store's own stream time, when it has one. */
  readonly observed?: ObservedTime
  /** A changelog of versions. Absent: its values are those of the rows, and null deletes. */
  readonly versions?: VersionedChangelog
  /** A changelog of parts (changelog-parts.ts). */
  readonly isInParts?: boolean
}

/** The row of a record whose value is the row's. */
export function restoredRow(key: string, { value, timestamp }: RestoredRecord, headers: Headers): EncodableChange {
  return { key, row: value === null ? null : new EncodableRow(value, timestamp, headers) }
}

export interface LayeredStoreParts<V> {
  readonly name: string
  readonly layers: RowLayers<V>
  readonly backend: StoreBackend
  readonly note: StoreNote
  readonly kind: StoreKind<V>
  readonly keepHeaders: boolean
  readonly keptNumbers: KeptNumbers
  /** True when changes go to the sink at freeze. */
  readonly logging: boolean
  readonly context: StoreContext
}

/** Enough for expiry to keep up with writing, and to progress without it. */
const EXPIRE_AT_LEAST = 64
const EXPIRE_PER_CHANGE = 2

/** Any kind of store as the commit cycle drives it. All state is in the layers, and the kept numbers beside them. */
export class LayeredStore<V> implements ManagedStore {
  readonly name: string
  readonly api: StateStore
  readonly committed: CommittedView
  readonly #layers: RowLayers<V>
  readonly #backend: StoreBackend
  readonly #kind: StoreKind<V>
  readonly #keepHeaders: boolean
  readonly #numbers: KeptNumbers
  readonly #logging: boolean
  readonly #context: StoreContext
  /** Changes with the position, so a discarded epoch does not touch it. */
  #asOf: number | null
  #listener: ((change: FlushedChange<unknown, unknown>) => void) | null = null

  constructor(parts: LayeredStoreParts<V>) {
    const { name, layers, backend, note, kind, keepHeaders, keptNumbers, logging, context } = parts
    this.name = name
    this.api = kind.api
    this.committed = kind.committed
    this.#layers = layers
    this.#backend = backend
    this.#kind = kind
    this.#keepHeaders = keepHeaders
    this.#numbers = keptNumbers
    this.#logging = logging
    this.#context = context
    this.#asOf = note.asOf
    if (note.numbers !== null) keptNumbers.restore(note.numbers)
  }

  kept(name: string): KeptNumber {
    return this.#numbers.of(name)
  }

  position(): number | null {
    return this.#backend.position()
  }

  asOf(): number | null {
    return this.#asOf
  }

  async restore(records: readonly RestoredRecord[], position: number, asOf = this.#asOf): Promise<void> {
    // Later records of a key win; one write per key.
    const changes = new Map<string, EncodableChange>()
    const parts = this.#kind.isInParts === true ? new RestoredParts((key) => this.#layers.reads.serialized(key)) : null
    for (const record of records) {
      const { key, value, headers } = record
      const rowKey = this.#numbers.fromChangelog(key.toString('latin1'))
      if (rowKey === null) {
        if (value === null) this.#numbers.reset()
        else this.#numbers.restore(value.toString('utf8'))
        continue
      }
      const kept = this.#keepHeaders ? copyHeaders(headers) : NO_HEADERS
      if (parts !== null) {
        parts.take(rowKey, record, kept)
        continue
      }
      const change = this.#kind.restored(rowKey, record, kept)
      if (change !== null) changes.set(change.key, change)
    }
    this.#asOf = asOf
    this.#kind.otherRows?.()
    const rows = parts?.changes() ?? Array.from(changes.values(), owned)
    await this.#layers.restore(rows, position, this.#note)
  }

  async restored(): Promise<void> {
    await this.#backend.persist?.()
  }

  wipe(): Promise<void> {
    this.#numbers.reset()
    this.#kind.observed?.reset()
    this.#kind.versions?.reset()
    this.#asOf = null
    this.#kind.otherRows?.()
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
      listener(new FlushedRow(kind, kind.flushedKey(key), newRow, oldRow, timestamp, headers))
    })
  }

  dirtyBytes(): number {
    return this.#layers.dirtyBytes()
  }

  dirtyEntries(): number {
    return this.#layers.dirtyEntries() + (this.#numbers.isDirty ? 1 : 0)
  }

  freeze(sink: ChangelogSink): void {
    const kind = this.#kind
    kind.expire?.(EXPIRE_AT_LEAST + EXPIRE_PER_CHANGE * this.#layers.dirtyEntries())
    kind.observed?.freeze()
    const numbers = this.#numbers
    const { versions } = kind
    if (this.#logging) {
      const time = Math.max(0, kind.observed?.now ?? 0)
      versions?.writeRemovals((key, ...rest) => sink(numbers.toChangelog(key), ...rest), time)
    }
    this.#layers.freeze((key, value, timestamp, headers, isGone, before) => {
      if (kind.isInParts === true) {
        const change = { store: this.name, key, before, after: value, timestamp, headers }
        writeParts(change, (partKey, ...rest) => sink(numbers.toChangelog(partKey), ...rest))
        return
      }
      const written = serializedOf(value)
      const logged = versions === undefined || isGone ? written : toChangelogValue(written)
      sink(numbers.toChangelog(kind.changelogKey(key)), logged, timestamp, headers)
    })
    const kept = numbers.freeze()
    if (kept === null || !this.#logging) return
    sink(KEPT_NUMBERS_KEY.toString('latin1'), kept, Math.max(0, this.#context.streamTime()), NO_HEADERS)
  }

  settle(position: number, asOf = this.#asOf): Promise<void> {
    this.#asOf = asOf
    this.#kind.observed?.settle()
    this.#kind.versions?.settle()
    this.#numbers.settle()
    return this.#layers.settle(position, this.#note)
  }

  discard(): void {
    this.#kind.observed?.discard()
    this.#kind.versions?.discard()
    this.#numbers.discard()
    this.#kind.otherRows?.()
    this.#layers.discard()
  }

  close(): Promise<void> {
    return this.#layers.close()
  }

  /** Undefined: the store has nothing to say. */
  get #note(): string | undefined {
    const { observed, versions } = this.#kind
    const asOf = this.#asOf
    const numbers = this.#numbers.isEmpty ? null : this.#numbers.text
    if (observed === undefined && asOf === null && numbers === null) return undefined
    const isPresentForm = versions?.isPresentForm === true
    return noteText({ observed: observed?.committed ?? -1, isPresentForm, asOf, numbers })
  }
}

function owned({ key, row, existed }: EncodableChange): EncodableChange {
  return { key, row: row === null ? null : row.owned(), existed }
}

/** A change on its way to the listener. A class, since an object literal with a getter is slow to make. */
class FlushedRow<V> implements FlushedChange<unknown, unknown> {
  readonly key: unknown
  readonly newValue: unknown
  readonly timestamp: number
  readonly headers: Headers
  readonly #kind: StoreKind<V>
  readonly #oldRow: Row<V> | null

  constructor(
    kind: StoreKind<V>,
    key: unknown,
    newRow: Row<V> | null,
    oldRow: Row<V> | null,
    timestamp: number,
    headers: Headers,
  ) {
    this.#kind = kind
    this.#oldRow = oldRow
    this.key = key
    this.newValue = newRow === null ? null : kind.flushedValue(newRow)
    this.timestamp = timestamp
    this.headers = headers
  }

  /** Few listeners need the old value, and they get a copy. */
  get oldValue(): unknown {
    return this.#oldRow === null ? null : this.#kind.flushedValue(this.#oldRow)
  }
}
