import type { CommittedRows } from '../layers/committed-rows.ts'
import type { Sweep, SweepVisit } from './sweep.ts'

/** Rows of a page at least. */
const PAGE = 1000
/** A page lasts for some commits. */
const COMMITS = 4

/*
 * Owns: the place of a sweep through a store that keeps no keys in memory. It reads pages of rows from the disk between commits, and
 * keeps their keys and timestamps.
 *
 * Invariants
 * 1. One page is held or being read.
 * 2. The first page of a round is read when all rows that were put in the round before are committed. So a round meets every row that
 *    nobody puts or deletes meanwhile.
 */
export class PagedSweep implements Sweep {
  readonly #rows: Pick<CommittedRows<unknown>, 'scan'>
  #page: ReadonlyArray<{ readonly key: string; readonly timestamp: number }> = []
  #isLast = false
  #from = ''
  #isReading = false
  #failure: { readonly error: unknown } | null = null

  constructor(rows: Pick<CommittedRows<unknown>, 'scan'>) {
    this.#rows = rows
  }

  /** @throws what the last read of a page threw */
  run(limit: number, visit: SweepVisit): boolean {
    if (this.#failure !== null) throw this.#failure.error
    if (this.#isReading) return false
    const rows = this.#page.slice(0, limit)
    this.#page = this.#page.slice(limit)
    visit(
      rows.map(({ key }) => key),
      rows.map(({ timestamp }) => timestamp),
    )
    if (this.#page.length > 0) return false
    const isRoundOver = this.#isLast
    this.#isLast = false
    // Invariant 2: the next round begins at a later commit.
    if (isRoundOver) this.#from = ''
    else void this.#read(Math.max(PAGE, COMMITS * limit))
    return isRoundOver
  }

  async #read(limit: number): Promise<void> {
    this.#isReading = true
    try {
      const rows = await this.#rows.scan({ from: this.#from, limit })
      this.#page = rows.map(([key, { timestamp }]) => ({ key, timestamp }))
      this.#isLast = rows.length < limit
      this.#from = `${this.#page.at(-1)?.key ?? ''}\0`
    } catch (error) {
      this.#failure = { error }
    } finally {
      this.#isReading = false
    }
  }
}
