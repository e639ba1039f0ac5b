import type { Row } from '../layers/row.ts'
import type { RowLayers } from '../layers/row-layers.ts'
import type { StoreBackend } from '../ports/backend.ts'
import type { CommittedView } from '../ports/managed-store.ts'
import type { VersionedRecord } from '../ports/stores.ts'
import type { KeyCodec } from './key-codec.ts'

const TIME_BYTES = 8

export interface VersionedViewOptions {
  readonly layers: RowLayers<unknown>
  readonly backend: StoreBackend
  readonly keys: KeyCodec<unknown>
}

/** Queries of a versioned store: the latest version of each key. A scan reads all versions in its range. */
export class VersionedView implements CommittedView {
  readonly #options: VersionedViewOptions

  constructor(options: VersionedViewOptions) {
    this.#options = options
  }

  get(key: unknown): unknown {
    const { layers, backend, keys } = this.#options
    const binary = keys.encode(key)
    for (const storageKey of backend.keys({ from: binary, to: `${binary}\xff`, reverse: true })) {
      if (storageKey.length !== binary.length + TIME_BYTES) continue
      const row = layers.committed(storageKey)
      if (row !== null) return asRecord(row)
    }
    return null
  }

  async scan(options: Parameters<CommittedView['scan']>[0]): Promise<ReadonlyArray<readonly [unknown, unknown]>> {
    const { layers, keys } = this.#options
    const [from, after, to] = [options.from, options.after, options.to].map((key) =>
      key === undefined ? undefined : keys.encode(key),
    )
    const rows = await layers.committedRows({ from, to: to === undefined ? undefined : `${to}\xff` })
    const latest = new Map<string, Row<unknown>>()
    for (const [storageKey, row] of rows) latest.set(storageKey.slice(0, -TIME_BYTES), row)
    const page = [...latest.keys()].filter((key) => latest.get(key)?.value !== null && inPage(key)).sort()
    if (options.reverse === true) page.reverse()
    return page
      .slice(0, options.limit ?? page.length)
      .map((key) => [keys.decode(key), asRecord(latest.get(key) as Row<unknown>)])

    function inPage(key: string): boolean {
      if ((from !== undefined && key < from) || (to !== undefined && key > to)) return false
      return after === undefined || (options.reverse === true ? key < after : key > after)
    }
  }

  approximateEntries(): number {
    return this.#options.backend.approximateEntries()
  }
}

function asRecord(row: Row<unknown>): VersionedRecord<unknown> | null {
  return row.value === null ? null : { value: row.value, timestamp: row.timestamp, validTo: null }
}
