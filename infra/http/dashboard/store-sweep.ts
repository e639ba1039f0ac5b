import { isUnavailable, type StreamsInstance } from '../../../runtime/ports/instance.ts'
import { localPartitions } from './local-partitions.ts'
import type { Counted } from './sections/index.ts'

/** Takes rows one by one. */
export interface Tally<T> {
  add(key: string, stored: unknown): void
  /** Plain data; `add` may be called again afterwards. */
  result(): T
}

export interface StoreSweepOptions<T> {
  readonly instance: Pick<StreamsInstance, 'scan' | 'streamsMetadataForStore'>
  readonly store: string
  readonly newTally: () => Tally<T>
  /** Most rows of one step. Default 5000. */
  readonly rowsPerStep?: number
  /**
   * Time after which a step asks for no further page, ms: a busy stream thread answers late and gets fewer questions. Default
   * 100.
   */
  readonly stepMs?: number
}

const PAGE = 1000

interface Round<T> {
  readonly startedAt: number
  readonly tally: Tally<T>
  rows: number
  /** Partitions still to be read, the first one behind `after`. */
  readonly partitions: number[]
  after: unknown
}

/*
 * Owns one endless walk through this process' part of a store, and what its last round counted. Nobody waits for a round: each
 * step reads a bounded part, so a store of millions costs no more per second than one of thousands; its numbers are only
 * older, and say how old.
 * 1. A step reads at most `rowsPerStep` rows, and ends with the round.
 * 2. The answer is of one whole round, except before the first has ended (complete: false).
 * 3. Rows that change while a round passes count as they were met: exact once the store rests.
 * 4. A round whose partition moves away starts again.
 */
export class StoreSweep<T> {
  readonly #options: StoreSweepOptions<T>
  #round: Round<T> | null = null
  #last: Counted<T> | null = null

  constructor(options: StoreSweepOptions<T>) {
    this.#options = options
  }

  /** Takes one step and returns the latest counts. Throws what the scan throws. */
  async step(): Promise<Counted<T>> {
    const { rowsPerStep = 5000, stepMs = 100 } = this.#options
    const begun = performance.now()
    this.#round ??= this.#newRound()
    const round = this.#round
    let left = rowsPerStep
    do {
      if (round.partitions.length === 0) break
      left -= await this.#readPage(round, Math.min(PAGE, left))
    } while (left > 0 && performance.now() - begun < stepMs)
    if (round.partitions.length > 0) return this.#last ?? counted(round, false)
    this.#round = null
    this.#last = counted(round, true)
    return this.#last
  }

  async #readPage(round: Round<T>, limit: number): Promise<number> {
    const { instance, store } = this.#options
    const partitions = round.partitions.slice(0, 1)
    let rows: ReadonlyArray<readonly [unknown, unknown]>
    try {
      rows = (await instance.scan(store, { partitions, after: round.after, limit })).result
    } catch (error) {
      if (isUnavailable(error)) this.#round = null
      throw error
    }
    for (const [key, stored] of rows) round.tally.add(String(key), stored)
    round.rows += rows.length
    if (rows.length === limit) round.after = rows.at(-1)?.[0]
    else {
      round.partitions.shift()
      round.after = undefined
    }
    return rows.length
  }

  #newRound(): Round<T> {
    const { instance, store, newTally } = this.#options
    const partitions = localPartitions(instance, store)
    return { startedAt: Date.now(), tally: newTally(), rows: 0, partitions, after: undefined }
  }
}

function counted<T>({ tally, rows, startedAt }: Round<T>, complete: boolean): Counted<T> {
  const at = Date.now()
  return { value: tally.result(), rows, complete, at, tookMs: at - startedAt }
}
