import type { Row } from '../layers/row.ts'
import { copyHeaders } from '../layers/row-codec.ts'
import type { StoreContext } from '../ports/managed-store.ts'
import type { ValueAndTimestamp } from '../ports/stores.ts'

/** A stored row seen through a store's API: itself when timestamped, else its value. */
export type Stored = unknown

export interface RowShapeOptions {
  readonly timestamped: boolean
  readonly keepHeaders: boolean
  readonly context: StoreContext
}

/** Between what the API takes and gives, and rows. */
export class RowShape {
  readonly #timestamped: boolean
  readonly #keepHeaders: boolean
  readonly #context: StoreContext

  constructor({ timestamped, keepHeaders, context }: RowShapeOptions) {
    this.#timestamped = timestamped
    this.#keepHeaders = keepHeaders
    this.#context = context
  }

  stored(row: Row<unknown>): Stored {
    return this.#timestamped ? row : row.value
  }

  toRow(stored: Stored): Row<unknown> {
    if (!this.#timestamped) return this.rowAt(stored, this.#context.recordTimestamp())
    const given = stored as ValueAndTimestamp<unknown>
    // The given object becomes the row, unless it has to be completed with headers.
    if (!this.#keepHeaders || given.headers !== undefined) return given
    return this.rowAt(given.value, given.timestamp)
  }

  rowAt(value: unknown, timestamp: number): Row<unknown> {
    return this.#keepHeaders
      ? { value, timestamp, headers: copyHeaders(this.#context.recordHeaders()) }
      : { value, timestamp }
  }
}
