import type { RowLayers } from '../layers/row-layers.ts'
import type { Sweep } from './sweep.ts'

export interface TtlExpiryOptions {
  readonly layers: RowLayers<unknown>
  newSweep(): Sweep
  isExpired(row: { readonly timestamp: number }): boolean
  /** Drops an expired row. */
  drop(key: string): void
}

const UNKNOWN = Number.NEGATIVE_INFINITY
const NO_ROW = Number.POSITIVE_INFINITY

/*
 * Owns: how old the rows of a store with a ttl can be.
 *
 * Invariants
 * 1. No row is older than `oldest`. As long as that has not expired, nothing has, and no row is looked at.
 * 2. No row that this round of the sweep has visited and kept is older than `oldestSeen`, and no row that was put since the round began. So
 *    at its end that is the next `oldest`.
 */
export class TtlExpiry {
  readonly #options: TtlExpiryOptions
  #sweep: Sweep
  #oldest = UNKNOWN
  #oldestSeen = NO_ROW

  constructor(options: TtlExpiryOptions) {
    this.#options = options
    this.#sweep = options.newSweep()
  }

  /** A row was put. */
  noteRow(timestamp: number): void {
    if (timestamp < this.#oldest) this.#oldest = timestamp
    if (timestamp < this.#oldestSeen) this.#oldestSeen = timestamp
  }

  /** Rows may be there that were not put: restored ones, or dropped ones that a discarded epoch gives back. */
  forget(): void {
    this.#sweep = this.#options.newSweep()
    this.#oldest = UNKNOWN
    this.#oldestSeen = NO_ROW
  }

  /** Looks at some `limit` rows, if one may have expired. */
  run(limit: number): void {
    const { layers, isExpired, drop } = this.#options
    if (!isExpired({ timestamp: this.#oldest })) return
    const isRoundOver = this.#sweep.run(limit, (keys, timestamps) => {
      for (const [i, key] of keys.entries()) {
        const read = timestamps?.[i]
        // A row that was young when it was read has not expired: noteRow() heard of whatever was put since.
        const timestamp = read !== undefined && !isExpired({ timestamp: read }) ? read : layers.timestampOf(key)
        if (timestamp === null) continue
        if (isExpired({ timestamp })) drop(key)
        else if (timestamp < this.#oldestSeen) this.#oldestSeen = timestamp
      }
    })
    if (!isRoundOver) return
    this.#oldest = this.#oldestSeen
    this.#oldestSeen = NO_ROW
  }
}
