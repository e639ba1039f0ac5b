/*
 * Owns: the terms of a store's committed rows in order, from the first question on. A store may have several.
 *
 * Invariants
 * 1. Once built, entries and `#moved` together say the place of every committed row that has a term: a row that moves is noted in the same
 *    synchronous step in which it becomes committed (RowLayers). A question first brings the entries up to date, so it cannot disagree
 *    with what queries read.
 * 2. While it is built, a row that has become committed meanwhile is not put back to what the scan had read of it before.
 * 3. It is never stored: opening the store again begins without one. Where nobody asks, it costs nothing: it is forgotten when so many
 *    rows have moved since the last question that building it again costs no more.
 */
import { behind } from '../keys/binary-key.ts'
import { SortedKeys } from '../keys/sorted-keys.ts'
import type { Row } from '../layers/row.ts'
import type { CommitWatcher, RowLayers } from '../layers/row-layers.ts'
import { StreamsConfigError } from '../ports/errors.ts'
import type { CommittedIndex, EntriesPage, IndexEntry, StoreIndexSpec } from '../ports/store-index.ts'
import type { KeyCodec } from './key-codec.ts'
import { LatestTimes } from './latest-times.ts'
import type { ValueCodec } from './value-codec.ts'

/** Between term and key, and smaller than every character of a term. */
const SEPARATOR = '\0'
const BEHIND_SEPARATOR = '\x01'
/** Rows read in one go while it is built: some milliseconds. */
const CHUNK = 1000
/** Rows that may move between two questions, also in a small store. */
const MOST_MOVED = 20_000

export interface SecondaryIndexOptions {
  readonly spec: StoreIndexSpec
  readonly layers: RowLayers<unknown>
  readonly keys: KeyCodec<unknown>
  readonly values: ValueCodec
}

export class SecondaryIndex implements CommittedIndex, CommitWatcher<unknown> {
  readonly #options: SecondaryIndexOptions
  readonly #positions = new SortedKeys()
  /** Rows whose entry may be out of date, each with that entry; null: it has none. */
  readonly #moved = new Map<string, string | null>()
  #built: Promise<void> | null = null
  /** Rows that changed while the index is built (invariant 2). */
  #changed: Set<string> | null = null
  readonly #latest = new LatestTimes()

  constructor(options: SecondaryIndexOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#positions.size
  }

  get latestTimes(): readonly number[] {
    return this.#latest.times
  }

  answers(question: string): boolean {
    return Object.hasOwn(this.#options.spec.questions, question)
  }

  /** @throws StreamsConfigError when it answers no such question */
  async ask(question: string, params: unknown): Promise<unknown> {
    const { questions } = this.#options.spec
    const answer = this.answers(question) ? questions[question] : undefined
    if (answer === undefined) throw new StreamsConfigError(`this store answers no question "${question}"`)
    for (;;) {
      this.#built ??= this.#build()
      const built = this.#built
      await built
      // It may have been forgotten while this question waited for its turn.
      if (built !== this.#built) continue
      const isLast = this.#moved.size <= CHUNK
      this.#move(CHUNK)
      if (isLast) return answer(this, params)
      // Processing and other queries have their turn.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  *entries(from: string, to: string, { after = null, reverse = false }: EntriesPage = {}): Iterable<IndexEntry> {
    const end = to + BEHIND_SEPARATOR
    const range = reverse
      ? { from, to: after === null || after > end ? end : after, reverse }
      : { from: after === null || after < from ? from : behind(after), to: end }
    for (const position of this.#positions.iterate(range)) {
      yield { position, term: position.slice(0, position.indexOf(SEPARATOR)) }
    }
  }

  row({ position, term }: IndexEntry): { readonly key: unknown; readonly value: unknown } | null {
    const { layers, keys } = this.#options
    const storageKey = position.slice(term.length + 1)
    const row = layers.reads.get(storageKey)
    return row === null ? null : { key: keys.decode(storageKey), value: this.#valueOf(row) }
  }

  committed(key: string, before: Row<unknown> | null, after: Row<unknown> | null): void {
    const { spec } = this.#options
    this.#changed?.add(key)
    if (after !== null) this.#observe(key, after)
    // While the index is built, the old entry may not be there yet.
    if (
      before !== null &&
      after !== null &&
      this.#changed === null &&
      spec.stays(this.#valueOf(before), this.#valueOf(after))
    )
      return
    const old = before === null ? null : this.#position(key, before)
    if (this.#changed === null) {
      if (!this.#moved.has(key)) this.#moved.set(key, old)
      if (this.#moved.size > Math.max(MOST_MOVED, this.#positions.size)) this.#forget()
      return
    }
    if (old !== null) this.#positions.delete(old)
    if (after !== null) this.#add(key, after)
  }

  cleared(): void {
    this.#moved.clear()
    this.#positions.clear()
    this.#latest.clear()
  }

  async #build(): Promise<void> {
    const { layers } = this.#options
    const changed = new Set<string>()
    this.#changed = changed
    layers.watch(this)
    try {
      for (let from = ''; ; ) {
        const rows = await layers.reads.rows({ from, limit: CHUNK })
        for (const [key, row] of rows) {
          if (changed.has(key)) continue
          this.#add(key, row)
          this.#observe(key, row)
        }
        const last = rows.at(-1)
        if (last === undefined || rows.length < CHUNK) break
        from = behind(last[0])
      }
    } catch (error) {
      this.#forget()
      throw error
    } finally {
      this.#changed = null
    }
  }

  #valueOf({ value }: Row<unknown>): unknown {
    return this.#options.values.read(value)
  }

  /** Brings the entries of some moved rows up to date. */
  #move(most: number): void {
    const { reads } = this.#options.layers
    let left = most
    for (const [key, old] of this.#moved) {
      if (left-- === 0) return
      this.#moved.delete(key)
      if (old !== null) this.#positions.delete(old)
      const row = reads.get(key)
      if (row !== null) this.#add(key, row)
    }
  }

  #forget(): void {
    this.#options.layers.unwatch(this)
    this.cleared()
    this.#built = null
  }

  #add(key: string, row: Row<unknown>): void {
    const position = this.#position(key, row)
    if (position !== null) this.#positions.add(position)
  }

  #observe(key: string, row: Row<unknown>): void {
    const { spec } = this.#options
    if (spec.timeOf !== undefined) this.#latest.observe(key, spec.timeOf(this.#valueOf(row)))
  }

  #position(key: string, row: Row<unknown>): string | null {
    const term = this.#options.spec.termOf(this.#valueOf(row))
    return term === null ? null : term + SEPARATOR + key
  }
}
