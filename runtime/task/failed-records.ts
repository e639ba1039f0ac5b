import { messageOf, ProductionError, RecordFailedError, UserCodeError } from '../../state/ports/errors.ts'
import type { OutputCollector } from '../commit/output-collector.ts'
import type { FailedInput, StreamsConfig } from '../instance/streams-config.ts'
import type { LogRecord, TopicPartition } from '../ports/log.ts'
import { deadLetterReason } from './dead-letter.ts'
import { decide, isRecordsFault, mayLeaveOut, type Stage, stageOf } from './exception-handlers.ts'
import { type FailedRecord, type Place, PoisonedRecordError, type TaskRecord } from './poisoned-records.ts'
import { type DescribeRecord, describedBy } from './record-description.ts'
import type { StreamTaskOptions } from './stream-task-options.ts'

/** Decides, as the exception handlers say, whether a record that cannot be processed is skipped or stops the task. */
export class FailedRecords {
  /** Name of the node that threw, set by the nearest one while the error is on its way up. */
  node: string | null = null
  readonly #taskId: string
  readonly #config: StreamsConfig
  readonly #collector: OutputCollector
  readonly #describe: DescribeRecord | undefined

  constructor(
    taskId: string,
    { config, collector, describeRecord }: Pick<StreamTaskOptions, 'config' | 'collector' | 'describeRecord'>,
  ) {
    this.#taskId = taskId
    this.#config = config
    this.#collector = collector
    this.#describe = describeRecord
  }

  /** One that no processor may see: it is dropped or becomes a dead letter. Returns which. @throws RecordFailedError */
  leaveOut(stage: Stage, from: TopicPartition, raw: LogRecord, error: unknown): 'continue' | 'dead-letter' {
    const response = decide(stage, this.#config, error, () => this.#input(from, raw))
    if (response === 'fail') throw new RecordFailedError(this.#taskId, this.#named(from, raw), error)
    const { live } = this.#collector.epochs
    // Counted with the epoch, because a repeated epoch must not count it again.
    if (response === 'continue') live.dropped.add(`${stage}-exception`)
    else this.#collector.deadLetter(this.#config.deadLetterTopic as string, from, raw, error)
    live.badRecords.add(() => ({
      ...this.#named(from, raw),
      outcome: response === 'continue' ? 'dropped' : 'dead-letter',
      reason: deadLetterReason(error),
      message: error instanceof Error ? error.message : String(error),
    }))
    return response
  }

  /** Where input is processed again: the dead letter of a record that was left out then, whatever the handler says today. */
  repeatLetter(from: TopicPartition, raw: LogRecord, why: string): void {
    const { deadLetterTopic } = this.#config
    if (deadLetterTopic !== null) this.#collector.deadLetter(deadLetterTopic, from, raw, new Error(why))
  }

  /** Returns the error of a processor or a sink in the form for the stream thread. `from` names the call whose answer was processed. */
  blame(from: Place, raw: LogRecord, error: unknown): unknown {
    const node = this.#takeNode()
    if (!isRecordsFault(error)) return error
    const record = { ...this.#named(from, raw), call: from.call, ...(node !== null && { node }) }
    try {
      return decide(stageOf(error), this.#config, error, () => this.#input(from, raw)) === 'fail'
        ? new RecordFailedError(this.#taskId, record, error)
        : new PoisonedRecordError(record, error)
    } catch (instead) {
      return instead
    }
  }

  /**
   * Names the node in an error that was thrown while no record was at hand. An error that is not a record's fault stays as it is.
   * @param given the node, if the error did not come from one below it
   */
  blameNode(when: string, error: unknown, given?: string): unknown {
    const node = this.#takeNode() ?? given ?? 'a node'
    if (error instanceof ProductionError || !isRecordsFault(error)) return error
    const message = `task ${this.#taskId}: ${node} failed ${when}: ${messageOf(error)}`
    return new UserCodeError(message, { cause: error })
  }

  #takeNode(): string | null {
    const { node } = this
    this.node = null
    return node
  }

  #input({ topic, partition }: TopicPartition, { offset, timestamp, key, value, headers }: LogRecord): FailedInput {
    return { taskId: this.#taskId, topic, partition, offset, timestamp, key, value, headers }
  }

  #named({ topic, partition }: TopicPartition, raw: LogRecord): Omit<Required<FailedRecord>, 'node' | 'call'> {
    const description = describedBy(this.#describe, raw)
    return { taskId: this.#taskId, topic, partition, offset: raw.offset, description }
  }
}

/** The error as that of the one record that was processed, also when a cache behind it threw; null when it may not be left out. */
export function poisonedBy(record: TaskRecord, error: unknown, config: StreamsConfig): PoisonedRecordError | null {
  if (error instanceof PoisonedRecordError) return error
  const isBehindStore = error instanceof UserCodeError || error instanceof ProductionError
  return isBehindStore && mayLeaveOut(stageOf(error), config) ? new PoisonedRecordError(record, error) : null
}
