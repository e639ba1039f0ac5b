import { behind } from '../keys/binary-key.ts'
import type { Row } from '../layers/row.ts'
import type { RowLayers } from '../layers/row-layers.ts'
import type { StoreBackend } from '../ports/backend.ts'
import type { CommittedView } from '../ports/managed-store.ts'
import type { RangeQuestion, RowsQuestion, StoredRow } from '../ports/questions.ts'
import type { SecondaryIndex } from './secondary-index.ts'
import { notAnswered, storedRow } from './stored-row.ts'

export interface KeyValueViewOptions {
  readonly name: string
  readonly layers: RowLayers<unknown>
  readonly backend: StoreBackend
  /** True for rows that are still stored but have expired. */
  isExpired(row: { readonly timestamp: number }): boolean
  stored(row: Row<unknown>): unknown
  /** Answer ask(). */
  readonly indexes: readonly Pick<SecondaryIndex, 'answers' | 'ask'>[]
}

/** Queries of a key-value store: rows in order of the key bytes. */
export class KeyValueView implements CommittedView {
  readonly ask?: (question: string, params: unknown) => Promise<unknown>
  readonly #options: KeyValueViewOptions

  constructor(options: KeyValueViewOptions) {
    this.#options = options
    const { indexes } = options
    const [first] = indexes
    if (first === undefined) return
    this.ask = (question, params) => (indexes.find((index) => index.answers(question)) ?? first).ask(question, params)
  }

  get(key: string): unknown {
    const row = this.#options.layers.reads.get(key)
    return row === null || this.#options.isExpired(row) ? null : this.#options.stored(row)
  }

  row(key: string): StoredRow | null {
    const row = this.#options.layers.reads.serialized(key)
    return row === null || this.#options.isExpired(row) ? null : storedRow({ position: key, key }, row)
  }

  async rows(question: RowsQuestion): Promise<readonly StoredRow[]> {
    if (question.type !== 'range') throw notAnswered(this.#options.name, question)
    const { layers, isExpired } = this.#options
    const found: StoredRow[] = []
    let range = rangeOf(question)
    for (;;) {
      const limit = question.limit - found.length
      if (limit <= 0) return found
      const rows = await layers.reads.scan({ ...range, limit })
      for (const [key, row] of rows) if (!isExpired(row)) found.push(storedRow({ position: key, key }, row))
      const last = rows.at(-1)
      if (last === undefined || rows.length < limit) return found
      // Expired rows took places on the page: continue after them.
      range = range.reverse ? { ...range, to: last[0] } : { ...range, from: behind(last[0]) }
    }
  }

  approximateEntries(): number {
    return this.#options.backend.approximateEntries()
  }
}

/** Inclusive bounds and the place to continue after, as a half-open range of keys. */
function rangeOf({ from, to, after, reverse }: RangeQuestion) {
  const end = to === undefined ? undefined : behind(to)
  if (after === undefined) return { from, to: end, reverse }
  if (reverse) return { from, to: end === undefined || after < end ? after : end, reverse }
  const next = behind(after)
  return { from: from === undefined || next > from ? next : from, to: end, reverse }
}
