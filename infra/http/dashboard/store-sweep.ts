import type { StreamsInstance } from '../../../runtime/ports/instance.ts'
import type { Counted } from './sections.ts'

/** Takes rows one by one. */
export interface Tally<T> {
  add(key: string, stored: unknown): void
  /** Plain data; `add` may be called again afterwards. */
  result(): T
}

export interface StoreSweepOptions<T> {
  readonly instance: Pick<StreamsInstance, 'scan'>
  readonly store: string
  readonly newTally: () => Tally<T>
  /** Most rows of one step. */
  readonly rowsPerStep?: number
  /** A step asks for no further page after so long, ms: a busy stream thread answers late, and is asked for less. */
  readonly stepMs?: number
  /** Epoch ms. */
  readonly now?: () => number
}

const PAGE = 1000
const ROWS_PER_STEP = 5000
const STEP_MS = 40

/*
 * Owns one endless walk through a store, and what its last round counted. Nobody waits for a round: each step reads a bounded
 * part, so a store of millions costs no more per second than one of thousands; its numbers are only older, and say how old.
 * 1. A step reads at most `rowsPerStep` rows, and ends with the round.
 * 2. `value` is of one whole round, except before the first has ended (complete: false).
 * 3. Rows that change while a round passes count as they were met: exact once the store rests.
 */
export class StoreSweep<T> {
  readonly #options: StoreSweepOptions<T>
  readonly #now: () => number
  #tally: Tally<T>
  #rows = 0
  #after: unknown = undefined
  #startedAt: number | null = null
  #last: Counted<T> | null = null

  constructor(options: StoreSweepOptions<T>) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#tally = options.newTally()
  }

  /** One step onwards; the latest counts. Throws what the scan throws, and goes on from the same place at the next call. */
  async step(): Promise<Counted<T>> {
    const { instance, store, rowsPerStep = ROWS_PER_STEP, stepMs = STEP_MS } = this.#options
    const begun = performance.now()
    this.#startedAt ??= this.#now()
    let left = rowsPerStep
    do {
      const limit = Math.min(PAGE, left)
      const { result } = await instance.scan(store, { after: this.#after, limit })
      for (const [key, stored] of result) this.#tally.add(String(key), stored)
      this.#rows += result.length
      left -= result.length
      if (result.length < limit) return this.#endRound()
      this.#after = result.at(-1)?.[0]
    } while (left > 0 && performance.now() - begun < stepMs)
    return this.#last ?? this.#counted(false)
  }

  #endRound(): Counted<T> {
    this.#last = this.#counted(true)
    this.#tally = this.#options.newTally()
    this.#rows = 0
    this.#after = undefined
    this.#startedAt = null
    return this.#last
  }

  #counted(complete: boolean): Counted<T> {
    const at = this.#now()
    return { value: this.#tally.result(), rows: this.#rows, complete, at, tookMs: at - (this.#startedAt ?? at) }
  }
}
