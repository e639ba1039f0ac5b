/*
 * Owns: the terms of a store's committed rows in order, from the first question on.
 *
 * Invariants
 * 1. Once built it holds one entry for every committed row and nothing else, at every moment: it changes in the same
 *    synchronous step in which a row becomes committed (RowLayers), so it cannot disagree with what queries read.
 * 2. While it is built, a row that has become committed meanwhile is not put back to what the scan had read of it before.
 * 3. It is never stored: opening the store again begins without one. Where nobody asks, it costs nothing.
 */
import { behind } from '../keys/binary-key.ts'
import { SortedKeys } from '../keys/sorted-keys.ts'
import type { Row } from '../layers/row.ts'
import type { CommitWatcher, RowLayers } from '../layers/row-layers.ts'
import { StreamsConfigError } from '../ports/errors.ts'
import type { CommittedIndex, IndexEntry, StoreIndexSpec } from '../ports/store-index.ts'
import type { KeyCodec } from './key-codec.ts'
import { LatestTimes } from './latest-times.ts'
import type { ValueCodec } from './value-codec.ts'

/** Between term and key, and smaller than every character of a term. */
const SEPARATOR = '\0'
const BEHIND_SEPARATOR = '\x01'
/** Rows read in one go while it is built: some milliseconds. */
const CHUNK = 1000

export interface SecondaryIndexOptions {
  readonly spec: StoreIndexSpec
  readonly layers: RowLayers<unknown>
  readonly keys: KeyCodec<unknown>
  readonly values: ValueCodec
}

export class SecondaryIndex implements CommittedIndex, CommitWatcher<unknown> {
  readonly #options: SecondaryIndexOptions
  readonly #positions = new SortedKeys()
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

  /** @throws StreamsConfigError when the store declares no such question */
  async ask(question: string, params: unknown): Promise<unknown> {
    const { questions } = this.#options.spec
    const answer = Object.hasOwn(questions, question) ? questions[question] : undefined
    if (answer === undefined) throw new StreamsConfigError(`this store answers no question "${question}"`)
    this.#built ??= this.#build()
    await this.#built
    return answer(this, params)
  }

  *entries(from: string, to: string, after?: string): Iterable<IndexEntry> {
    const first = after === undefined || after < from ? from : behind(after)
    for (const position of this.#positions.iterate({ from: first, to: to + BEHIND_SEPARATOR })) {
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
    if (after !== null) this.#latest.observe(key, spec.timeOf(this.#valueOf(after)))
    // While the index is built, the old entry may not be there yet.
    if (
      before !== null &&
      after !== null &&
      this.#changed === null &&
      spec.stays(this.#valueOf(before), this.#valueOf(after))
    )
      return
    if (before !== null) this.#positions.delete(this.#position(key, before))
    if (after !== null) this.#positions.add(this.#position(key, after))
  }

  cleared(): void {
    this.#positions.clear()
    this.#latest.clear()
  }

  async #build(): Promise<void> {
    const { layers, spec } = this.#options
    const changed = new Set<string>()
    this.#changed = changed
    layers.watch(this)
    try {
      for (let from = ''; ; ) {
        const rows = await layers.reads.rows({ from, limit: CHUNK })
        for (const [key, row] of rows) {
          if (changed.has(key)) continue
          this.#positions.add(this.#position(key, row))
          this.#latest.observe(key, spec.timeOf(this.#valueOf(row)))
        }
        const last = rows.at(-1)
        if (last === undefined || rows.length < CHUNK) break
        from = behind(last[0])
      }
    } catch (error) {
      layers.watch(null)
      this.cleared()
      this.#built = null
      throw error
    } finally {
      this.#changed = null
    }
  }

  #valueOf({ value }: Row<unknown>): unknown {
    return this.#options.values.read(value)
  }

  #position(key: string, row: Row<unknown>): string {
    return this.#options.spec.termOf(this.#valueOf(row)) + SEPARATOR + key
  }
}
