import {
  ProductionError,
  RecordFailedError,
  SerdeError,
  StreamsError,
  UserCodeError,
} from '../../state/ports/errors.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import { handlerOf, stageOf } from '../task/exception-handlers.ts'
import { PoisonedRecordError, type PoisonedRecords, type TaskRecord } from '../task/poisoned-records.ts'
import type { StreamTask } from '../task/stream-task.ts'
import type { OutputCollector } from './output-collector.ts'

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
  readonly record: TaskRecord | null
}

const EMPTY: Contents = { steps: 0, record: null }

export interface EpochSizeOptions {
  readonly config: StreamsConfig
  readonly collector: OutputCollector
  readonly poisoned: PoisonedRecords
  readonly tasks: () => readonly StreamTask[]
}

/*
 * Owns how much one epoch of a stream thread may hold: bytes, and steps: records, and punctuations and idle ticks, whatever can have
 * written something. Finds the record behind output that turns out to be unwritable only when the epoch is flushed or sent.
 * 1. No limit of steps until an epoch is refused; then half of what that one had, down to one. Each commit doubles it.
 * 2. A record is blamed only when it was alone in its epoch; all its effects are in there, flushed caches included.
 * 3. A record that was blamed is not the fault of the next refusal: somebody else's, so nobody is blamed.
 */
export class EpochSize {
  readonly #options: EpochSizeOptions
  #most = Number.POSITIVE_INFINITY
  #live: Contents = EMPTY
  /** In the commit that was begun last; null when it was thrown away. */
  #sent: Contents | null = null

  constructor(options: EpochSizeOptions) {
    this.#options = options
  }

  /** The live epoch holds as much as it may: steps, and bytes of the input it stands for and of the output it holds. */
  get isFull(): boolean {
    if (this.room <= 0) return true
    const { collector, config, tasks } = this.#options
    let { bytes } = collector
    for (const task of tasks()) bytes += task.inputBytes
    return bytes >= config.maxEpochBytes
  }

  /** Steps the live epoch may still take. */
  get room(): number {
    return this.#most - this.#live.steps
  }

  /** @param record the one step, when there was room for no other */
  add(steps: number, record: TaskRecord | null): void {
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

  /**
   * What the failure of the epoch begun last asks for: another error when it is a record's fault, and either the handler lets the
   * thread go on, or the record is not named yet; else the same.
   */
  judge(error: unknown): unknown {
    const { config, poisoned } = this.#options
    if (error instanceof ProductionError) {
      if (handlerOf('production', config) === 'fail') return error
      // A dead letter that is refused must not become another one.
      if (error.topic === config.deadLetterTopic) return error
    } else if (!(error instanceof UserCodeError || error instanceof SerdeError)) return error
    const { steps, record } = this.#sent ?? EMPTY
    // One step that had room for more is not known by name: the same again, with room for one.
    if (steps > 1 || (steps === 1 && this.#most > 1)) {
      this.#most = Math.max(1, Math.floor(steps / 2))
      return new EpochRefusedError(steps, error)
    }
    if (record === null || poisoned.has(record)) return error
    return handlerOf(stageOf(error), config) === 'fail'
      ? new RecordFailedError(record.taskId, record, error)
      : new PoisonedRecordError(record, error)
  }
}
