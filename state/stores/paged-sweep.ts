import type { CommittedRows } from '../layers/committed-rows.ts'
import type { Sweep } from './sweep.ts'

/** Keys of a page at least. */
const PAGE = 1000
/** A page lasts for some commits. */
const COMMITS = 4

/*
 * Owns: the place of a sweep through a store that keeps no keys in memory. It reads pages of keys from the disk between commits.
 *
 * Invariants
 * 1. One page is held or being read.
 * 2. The first page of a round is read when all rows that were put in the round before are committed. So a round meets every row that
 *    nobody puts or deletes meanwhile.
 */
export class PagedSweep implements Sweep {
  readonly #rows: Pick<CommittedRows<unknown>, 'scan'>
  #keys: readonly string[] = []
  #isLast = false
  #from = ''
  #isReading = false
  #failure: { readonly error: unknown } | null = null

  constructor(rows: Pick<CommittedRows<unknown>, 'scan'>) {
    this.#rows = rows
  }

  /** @throws what the last read of a page threw */
  run(limit: number, visit: (keys: readonly string[]) => void): boolean {
    if (this.#failure !== null) throw this.#failure.error
    if (this.#isReading) return false
    const keys = this.#keys.slice(0, limit)
    this.#keys = this.#keys.slice(limit)
    visit(keys)
    if (this.#keys.length > 0) return false
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
      this.#keys = rows.map(([key]) => key)
      this.#isLast = rows.length < limit
      this.#from = `${this.#keys.at(-1) ?? ''}\0`
    } catch (error) {
      this.#failure = { error }
    } finally {
      this.#isReading = false
    }
  }
}
