import { behind } from '../keys/binary-key.ts'
import type { Row } from '../layers/row.ts'
import type { RowLayers } from '../layers/row-layers.ts'
import type { StoreBackend } from '../ports/backend.ts'
import type { CommittedView } from '../ports/managed-store.ts'

export interface StorageViewOptions {
  readonly layers: RowLayers<unknown>
  readonly backend: StoreBackend
  /** Rows that are still stored but gone by now. */
  isExpired(storageKey: string, row: Row<unknown>): boolean
  toStorage(key: unknown): string
  fromStorage(storageKey: string): unknown
  stored(row: Row<unknown>): unknown
  /** Answers ask(). */
  readonly index?: Pick<Required<CommittedView>, 'ask'> | null
}

/** Queries of any store whose rows stand for one typed key each, in order of the storage keys. */
export class StorageView implements CommittedView {
  readonly ask?: (question: string, params: unknown) => Promise<unknown>
  readonly #options: StorageViewOptions

  constructor(options: StorageViewOptions) {
    this.#options = options
    const { index } = options
    if (index != null) this.ask = (question, params) => index.ask(question, params)
  }

  get(key: unknown): unknown {
    const { layers, toStorage, isExpired, stored } = this.#options
    const storageKey = toStorage(key)
    const row = layers.committed(storageKey)
    return row === null || isExpired(storageKey, row) ? null : stored(row)
  }

  async scan(options: Parameters<CommittedView['scan']>[0]): Promise<ReadonlyArray<readonly [unknown, unknown]>> {
    const { layers, toStorage, fromStorage, isExpired, stored } = this.#options
    const found: Array<readonly [unknown, unknown]> = []
    let range = pageRange(options, toStorage)
    for (;;) {
      const wanted = options.limit === undefined ? undefined : options.limit - found.length
      if (wanted !== undefined && wanted <= 0) return found
      const rows = await layers.committedRows({ ...range, limit: wanted })
      for (const [key, row] of rows) if (!isExpired(key, row)) found.push([fromStorage(key), stored(row)])
      const last = rows.at(-1)
      if (last === undefined || wanted === undefined || rows.length < wanted) return found
      // Expired rows took places on the page: read on behind them.
      range = range.reverse ? { ...range, to: last[0] } : { ...range, from: behind(last[0]) }
    }
  }

  approximateEntries(): number {
    return this.#options.backend.approximateEntries()
  }
}

interface PageRange {
  readonly from: string | undefined
  readonly to: string | undefined
  readonly reverse: boolean
}

/** Inclusive typed bounds and the cursor as a half-open range of storage keys. */
function pageRange(options: Parameters<CommittedView['scan']>[0], toStorage: (key: unknown) => string): PageRange {
  const { reverse = false } = options
  const low = options.from === undefined ? undefined : toStorage(options.from)
  const high = options.to === undefined ? undefined : behind(toStorage(options.to))
  if (options.after === undefined) return { from: low, to: high, reverse }
  // `after` is the last key of the page before, so it bounds the side the page starts from.
  const cursor = toStorage(options.after)
  if (reverse) return { from: low, to: high === undefined || cursor < high ? cursor : high, reverse }
  const next = behind(cursor)
  return { from: low === undefined || next > low ? next : low, to: high, reverse }
}
