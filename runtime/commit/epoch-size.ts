import {
  ProductionError,
  RecordFailedError,
  SerdeError,
  StreamsError,
  UserCodeError,
} from '../../state/ports/errors.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import { mayLeaveOut, stageOf } from '../task/exception-handlers.ts'
import { PoisonedRecordError, type PoisonedRecords } from '../task/poisoned-records.ts'
import type { Epoch } from './epoch.ts'

/** The broker refused what an epoch wrote. Throw it away and do the same in smaller ones, until one record is left to blame. */
export class EpochRefusedError extends StreamsError {
  constructor(steps: number, cause: Error) {
    super('EPOCH_REFUSED', `${cause.message}; looking for the record among ${steps}`, { cause })
  }
}

/** Steps an epoch may have before it counts as unlimited again. */
const UNLIMITED = 2 ** 17

/*
 * Owns how much one epoch of a stream thread may hold. Finds the record behind output that turns out to be unwritable only when the epoch
 * is flushed or sent.
 * 1. No limit of steps until an epoch is refused; then half of what that one had, down to one. Each commit doubles it.
 * 2. A record is blamed only when it was alone in its epoch; all its effects are in there, flushed caches included.
 * 3. A record that was blamed has no part in the next refusal, which comes from elsewhere, so no record is blamed.
 */
export class EpochSize {
  readonly #config: StreamsConfig
  readonly #poisoned: PoisonedRecords
  /** Bytes of input and output. */
  maxBytes: number
  /** Steps of the epochs that begin from now on. */
  maxSteps = Number.POSITIVE_INFINITY

  constructor(config: StreamsConfig, poisoned: PoisonedRecords) {
    this.#config = config
    this.maxBytes = config.maxEpochBytes
    this.#poisoned = poisoned
  }

  /** It holds as much as it may: steps, or bytes of input and output. */
  isFull(epoch: Epoch): boolean {
    return epoch.room <= 0 || epoch.bytes >= this.maxBytes
  }

  /** An epoch has been committed. */
  committed({ steps }: Epoch): void {
    if (steps > 0) this.maxSteps = this.maxSteps * 2 > UNLIMITED ? Number.POSITIVE_INFINITY : this.maxSteps * 2
  }

  /**
   * Decides what the failure of an epoch means. Returns another error when a record is at fault and the handler lets the thread
   * continue, or when the record is not known yet; else returns the same error.
   */
  judge(error: unknown, { steps, maxSteps, record }: Epoch): unknown {
    if (error instanceof ProductionError) {
      if (!mayLeaveOut('production', this.#config)) return error
      // A dead letter that is refused must not become another one.
      if (error.topic === this.#config.deadLetterTopic) return error
    } else if (!(error instanceof UserCodeError || error instanceof SerdeError)) return error
    // One step that had room for more is not known by name: the same again, with room for one.
    if (steps > 1 || (steps === 1 && maxSteps > 1)) {
      this.maxSteps = Math.max(1, Math.floor(steps / 2))
      return new EpochRefusedError(steps, error)
    }
    if (record === null || this.#poisoned.has(record)) return error
    // A handler that is a function is asked when the record comes again, as it wants the whole record.
    return mayLeaveOut(stageOf(error), this.#config)
      ? new PoisonedRecordError(record, error)
      : new RecordFailedError(record.taskId, record, error)
  }
}
