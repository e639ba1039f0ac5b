import { StreamsError } from '../state/ports/errors.ts'
import { PoisonedRecordError, type RecordPlace } from './poisoned-records.ts'

/** The broker refused what an epoch wrote. Throw it away and do the same in smaller ones, until one record is left to blame. */
export class EpochRefusedError extends StreamsError {
  constructor(steps: number, cause: Error) {
    super('EPOCH_REFUSED', `${cause.message}; looking for the record among ${steps}`, { cause })
  }
}

/** Steps an epoch may have before it counts as unlimited again. */
const UNLIMITED = 2 ** 17

interface Contents {
  readonly steps: number
  /** The record of an epoch that had room for one step; null when the step was none. */
  readonly record: RecordPlace | null
}

const EMPTY: Contents = { steps: 0, record: null }

/*
 * Owns how many steps one epoch of a stream thread may have: records, and punctuations and idle ticks, whatever can have written
 * something. Finds the record behind output that turns out to be unwritable only when the epoch is flushed or sent.
 * 1. No limit until an epoch is refused; then half of what that one had, down to one step. Each commit doubles it.
 * 2. A record is blamed only when it was alone in its epoch; all its effects are in there, flushed caches included.
 * 3. A record that was blamed is not the fault of the next refusal: somebody else's, so nobody is blamed.
 */
export class EpochSize {
  #most = Number.POSITIVE_INFINITY
  #live: Contents = EMPTY
  /** In the commit that was begun last; null when it was thrown away. */
  #sent: Contents | null = null

  /** Steps the live epoch may still take. */
  get room(): number {
    return this.#most - this.#live.steps
  }

  /** @param record the one step, when there was room for no other */
  add(steps: number, record: RecordPlace | null): void {
    if (steps === 0) return
    this.#live = { steps: this.#live.steps + steps, record }
  }

  /** The live epoch goes into a commit; the one before has been committed. */
  begin(): void {
    if (this.#sent !== null && this.#sent.steps > 0) {
      this.#most = this.#most * 2 > UNLIMITED ? Number.POSITIVE_INFINITY : this.#most * 2
    }
    this.#sent = this.#live
    this.#live = EMPTY
  }

  /** Both epochs are thrown away. */
  discard(): void {
    this.#sent = null
    this.#live = EMPTY
  }

  /** What the refusal of the epoch begun last asks for; null: it is no record's fault. */
  refused(cause: Error, isBlamed: (record: RecordPlace) => boolean): StreamsError | null {
    const { steps, record } = this.#sent ?? EMPTY
    // One step that had room for more is not known by name: the same again, with room for one.
    if (steps > 1 || (steps === 1 && this.#most > 1)) {
      this.#most = Math.max(1, Math.floor(steps / 2))
      return new EpochRefusedError(steps, cause)
    }
    return record === null || isBlamed(record) ? null : new PoisonedRecordError(record, cause)
  }
}
