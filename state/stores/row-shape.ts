import type { Row } from '../layers/row.ts'
import { copyHeaders } from '../layers/row-codec.ts'
import { UserCodeError } from '../ports/errors.ts'
import type { StoreContext } from '../ports/managed-store.ts'
import type { ValueAndTimestamp } from '../ports/stores.ts'
import { isTimestamp, timestampProblem } from '../ports/timestamp.ts'
import type { ValueCodec } from './value-codec.ts'

/** A stored row seen through a store's API: itself when timestamped, else its value. */
export type Stored = unknown

export interface RowShapeOptions {
  readonly timestamped: boolean
  readonly keepHeaders: boolean
  readonly context: StoreContext
  readonly values: ValueCodec
}

function badTime(timestamp: unknown): UserCodeError {
  return new UserCodeError(`a row has a wrong timestamp: ${timestampProblem(timestamp)}`)
}

/** Converts between the values of the API and rows. */
export class RowShape {
  readonly #timestamped: boolean
  readonly #keepHeaders: boolean
  readonly #context: StoreContext
  readonly #values: ValueCodec

  constructor({ timestamped, keepHeaders, context, values }: RowShapeOptions) {
    this.#values = values
    this.#timestamped = timestamped
    this.#keepHeaders = keepHeaders
    this.#context = context
  }

  stored(row: Row<unknown>): Stored {
    const value = this.#values.read(row.value)
    if (!this.#timestamped) return value
    if (!this.#values.copies) return row
    return row.headers === undefined
      ? { value, timestamp: row.timestamp }
      : { value, timestamp: row.timestamp, headers: row.headers }
  }

  toRow(stored: Stored): Row<unknown> {
    if (!this.#timestamped) return this.rowAt(stored, this.#context.recordTimestamp())
    const given = stored as ValueAndTimestamp<unknown>
    // Below 0: of a row of which the time is not known, or that came from a source that takes any time.
    if (!isTimestamp(Math.abs(given.timestamp))) throw badTime(given.timestamp)
    const isComplete = !this.#keepHeaders || given.headers !== undefined
    if (isComplete && !this.#values.copies) return given
    // The given object belongs to its owner, who may change it.
    if (!this.#keepHeaders || given.headers === undefined) return this.rowAt(given.value, given.timestamp)
    return { value: this.#values.write(given.value), timestamp: given.timestamp, headers: given.headers }
  }

  /** A copy that changes in place do not affect; the value itself in stores declared immutable. */
  copyOf(value: unknown): unknown {
    return this.#values.read(this.#values.write(value))
  }

  rowAt(given: unknown, timestamp: number): Row<unknown> {
    const value = this.#values.write(given)
    return this.#keepHeaders
      ? { value, timestamp, headers: copyHeaders(this.#context.recordHeaders()) }
      : { value, timestamp }
  }
}
