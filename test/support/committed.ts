import { asOfQuestion, encodeCursor, rowOf, rowQuestion, scanQuestion } from '../../runtime/queries/store-questions.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import type { StoredRow } from '../../state/ports/questions.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import { StoreCodec } from '../../state/stores/store-codec.ts'

type Row = readonly [key: unknown, value: unknown]

/** The committed rows of one store as queries get them, in the store's own types. */
export class Committed {
  readonly #store: ManagedStore
  readonly #codec: StoreCodec

  constructor(store: ManagedStore, spec: StoreSpec) {
    this.#store = store
    this.#codec = new StoreCodec(spec)
  }

  async get(key: unknown): Promise<unknown> {
    const row = rowOf(await this.#store.committed.rows(rowQuestion(this.#codec, key)), key)
    return row === undefined ? null : this.#codec.stored(row)
  }

  async asOf(key: unknown, time: number): Promise<unknown> {
    const [row] = await this.#store.committed.rows(asOfQuestion(this.#codec, key, time))
    return row === undefined ? null : this.#codec.stored(row)
  }

  async scan(): Promise<Row[]> {
    return (await this.#store.committed.rows(scanQuestion(this.#codec, {}))).map((row) => this.#row(row))
  }

  /** The same, read two rows at a time. */
  async pages(reverse: boolean): Promise<Row[]> {
    const rows: StoredRow[] = []
    for (;;) {
      const last = rows.at(-1)
      const cursor = last === undefined ? undefined : encodeCursor(last.position)
      const page = await this.#store.committed.rows({ ...scanQuestion(this.#codec, { reverse, cursor }), limit: 2 })
      rows.push(...page)
      if (page.length < 2) return rows.map((row) => this.#row(row))
    }
  }

  #row(row: StoredRow): Row {
    return [this.#codec.key(row), this.#codec.stored(row)]
  }
}
