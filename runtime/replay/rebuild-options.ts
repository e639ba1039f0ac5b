import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { Headers } from '../../state/ports/headers.ts'
import type { Serialized } from '../../state/ports/serde.ts'
import type { StateStore } from '../../state/ports/stores.ts'
import type { Plan } from '../../topology/plan.ts'
import type { StreamRecord } from '../../topology/record.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import type { LogRecord, TopicPartition } from '../ports/log.ts'
import type { PoisonedRecords } from '../task/poisoned-records.ts'
import type { HeadFault } from '../task/record-queue.ts'
import type { RecordedAnswers } from '../task/recorded-answers.ts'
import type { StoreOpener } from '../task/task-stores.ts'

/** Record the answers of that node, or leave the call out: what it was answered is not known. */
export class AnswersNotRecordedError extends StreamsTopologyError {
  constructor(node: string) {
    super(
      `a topology that makes calls cannot be processed again: the answers that ${node} got are not recorded (its option answers does that)`,
    )
  }
}

/** A record the topology would have written. */
export type RecordSink = (
  at: TopicPartition,
  key: Serialized | null,
  value: Serialized | null,
  timestamp: number,
  headers: Headers,
) => void

/** Records of an input partition to rebuild from: [from, to). */
export interface InputSpan extends TopicPartition {
  readonly from: number
  readonly to: number
}

export interface RebuildOptions {
  readonly plan: Plan
  readonly config: StreamsConfig
  /** Every task of the plan. */
  readonly taskIds: readonly string[]
  /** topic -> partition count, of every topic of the plan. */
  readonly partitions: ReadonlyMap<string, number>
  readonly input: readonly InputSpan[]
  /** Offset after the recorded idle ticks of a partition, which are not to be repeated. */
  readonly tickEnd: (at: TopicPartition) => number
  readonly openStore: StoreOpener
  /** Called for each output to a sink, and each changed row of a store with a changelog. The stores must be empty. */
  readonly onOutput: RecordSink
  readonly onChangelog: RecordSink
  readonly poisoned: PoisonedRecords
  /** Recorded answers of calls: none is made. Required by plans that make calls. */
  readonly answers?: RecordedAnswers
  /** The rows of global tables, where those of another moment will do. Without it a processor that reads them is refused. */
  readonly globalStores?: Pick<ReadonlyMap<string, StateStore>, 'get'>
}

/** A record that the rebuild writes. */
export interface RebuiltRecord extends TopicPartition {
  /** In a repartition topic: its offset among those of this rebuild. */
  offset: number | null
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: Headers
}

/** The record that a step processes. */
export interface StepInput extends TopicPartition {
  readonly taskId: string
  readonly raw: LogRecord
  /** The record as the first operators get it; null when it cannot be deserialised. */
  readonly head: StreamRecord<unknown, unknown> | null
  readonly fault: HeadFault | null
  /** The call whose recorded end is processed, about this record; null: it is the record itself. */
  readonly call: string | null
}

/** Watches the steps of a rebuild. */
export interface StepWatch {
  begin(input: StepInput): void
  /** Called at the moment it is sent. */
  wrote(record: RebuiltRecord): void
  /**
   * @param failure the thrown error, and then nothing of the step stays; null: none
   * @param hasAnswers recorded answers to what it asked come in the next steps
   */
  end(failure: { readonly error: unknown } | null, hasAnswers: boolean): void
}
