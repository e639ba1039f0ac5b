import type { RowLayers } from '../layers/row-layers.ts'

/** `timestamps`: those of the rows when the sweep read them, if it did. */
export type SweepVisit = (keys: readonly string[], timestamps?: readonly number[]) => void

/** Visits all keys of a store in turn, a few per commit, so that expired rows are found without an index by time. */
export interface Sweep {
  /** Visits the next keys, some `limit` (two or more). True: these were the last keys of a round. */
  run(limit: number, visit: SweepVisit): boolean
}

/** For a store that keeps its keys in order. */
export class KeySweep implements Sweep {
  readonly #layers: RowLayers<unknown>
  #from = ''

  constructor(layers: RowLayers<unknown>) {
    this.#layers = layers
  }

  /** The next call begins with the last key visited. */
  run(limit: number, visit: SweepVisit): boolean {
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
