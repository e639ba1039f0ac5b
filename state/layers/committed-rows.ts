import type { KeyRange, StoreBackend } from '../ports/backend.ts'
import { serializedOf } from '../ports/grown-parts.ts'
import type { Headers } from '../ports/headers.ts'
import type { Serialized } from '../ports/serde.ts'
import type { ObjectCache } from './object-cache.ts'
import { fromBytes, type Row, type RowFormat, toEncodable } from './row.ts'
import { decodeRow, type EncodableRow } from './row-codec.ts'

/** A row as its serdes wrote it. `value` may be a view: copy what outlives the step. Null value: a version that deletes. */
export interface SerializedRow {
  readonly value: Serialized | null
  readonly timestamp: number
  readonly headers: Headers
}

export interface CommittedRowsOptions<V> {
  readonly backend: StoreBackend
  readonly format: RowFormat<V>
  readonly cache: ObjectCache<V>
  /** The write under way, which reads of ranges must wait for. */
  readonly settling: () => Promise<void> | null
}

/** Queries see this view of a store: committed rows only. Reading does not disturb the cache. */
export class CommittedRows<V> {
  readonly #options: CommittedRowsOptions<V>

  constructor(options: CommittedRowsOptions<V>) {
    this.#options = options
  }

  get(key: string): Row<V> | null {
    const { cache, format } = this.#options
    const entry = cache.get(key)
    if (entry?.committed !== undefined) return entry.committed
    const bytes = this.#options.backend.get(key)
    return bytes === undefined ? null : fromBytes(format, bytes)
  }

  /** Works like get(), before the value's serde. */
  serialized(key: string): SerializedRow | null {
    const { cache, format } = this.#options
    const entry = cache.get(key)
    if (entry?.committed !== undefined)
      return entry.committed === null ? null : serializedRow(toEncodable(format, entry.committed))
    const bytes = this.#options.backend.get(key)
    return bytes === undefined ? null : decodeRow(bytes)
  }

  /**
   * Resolves when no write is under way. Until the caller next waits for something, keys() and the point reads see one moment,
   * which is not before any point read so far.
   */
  async settled(): Promise<void> {
    for (let settling = this.#options.settling(); settling !== null; settling = this.#options.settling()) await settling
  }

  /** Keys of committed rows, behind settled(). The backend must have a key index. */
  keys(range: KeyRange): Iterable<string> {
    return this.#options.backend.keys(range)
  }

  /** Rows of a range before the value's serde, as of one moment that is not before any point read so far. */
  async scan(range: KeyRange): Promise<ReadonlyArray<readonly [key: string, row: SerializedRow]>> {
    await this.settled()
    const rows: Array<readonly [string, SerializedRow]> = []
    for await (const [key, bytes] of this.#options.backend.scan(range)) rows.push([key, decodeRow(bytes)])
    return rows
  }

  /** Works like scan(), and decodes the rows. */
  async rows(range: KeyRange): Promise<ReadonlyArray<readonly [key: string, row: Row<V>]>> {
    await this.settled()
    const { backend, format } = this.#options
    const rows: Array<readonly [string, Row<V>]> = []
    for await (const [key, bytes] of backend.scan(range)) rows.push([key, fromBytes(format, bytes)])
    return rows
  }
}

function serializedRow({ value, timestamp, headers }: EncodableRow): SerializedRow {
  return { value: serializedOf(value), timestamp, headers }
}
