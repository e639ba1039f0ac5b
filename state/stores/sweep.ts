import type { RowLayers } from '../layers/row-layers.ts'

/** Visits all keys of an ordered store in turn, a few per commit, so that expired rows are found without an index by time. */
export class Sweep {
  readonly #layers: RowLayers<unknown>
  #from = ''

  constructor(layers: RowLayers<unknown>) {
    this.#layers = layers
  }

  /**
   * Visits the next keys, at most `limit` (two or more). The next call begins with the last one visited. True: these were the last keys of
   * a round.
   */
  run(limit: number, visit: (keys: readonly string[]) => void): boolean {
    const keys: string[] = []
    for (const key of this.#layers.keys({ from: this.#from })) {
      keys.push(key)
      if (keys.length >= limit) break
    }
    const isRoundOver = keys.length < limit
    this.#from = isRoundOver ? '' : (keys.at(-1) as string)
    visit(keys)
    return isRoundOver
  }
}
