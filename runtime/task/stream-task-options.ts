import type { StateStore } from '../../state/ports/stores.ts'
import type { Subtopology } from '../../topology/plan.ts'
import type { OutputCollector } from '../commit/output-collector.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { RecordTracer } from '../ports/tracing.ts'
import type { ThreadMetrics } from '../thread/thread-metrics.ts'
import type { KeyPlacement } from './key-placement.ts'
import type { PoisonedRecords } from './poisoned-records.ts'
import type { DescribeRecord } from './record-description.ts'
import type { RecordedAnswers } from './recorded-answers.ts'
import type { TaskSource } from './source-positions.ts'
import type { Numbers } from './task-marks.ts'
import type { RecordedTicks } from './tick-log.ts'

export interface StreamTaskOptions {
  readonly subtopology: Subtopology
  readonly partition: number
  /** Tasks of the subtopology. */
  readonly taskCount: number
  readonly sources: readonly TaskSource[]
  readonly collector: OutputCollector
  readonly clock: Clock
  readonly metrics: ThreadMetrics
  readonly config: StreamsConfig
  /** Records to turn into dead letters without processing. */
  readonly poisoned: PoisonedRecords
  /** Marks of the task as of the last commit. */
  readonly numbers?: Numbers
  /** Stores another scope owns and this task may read (global tables). */
  readonly globalStores?: Pick<ReadonlyMap<string, StateStore>, 'get'>
  /** Recorded idle ticks of the task, where the plan has them. */
  readonly ticks?: RecordedTicks
  readonly tracer?: RecordTracer
  /** Gives the fields by which log lines name a bad record. */
  readonly describeRecord?: DescribeRecord
  /** Called when a call of the task has ended: answer() has something to do. */
  readonly onAnswer?: () => void
  /** Checks whether fetched records are in the partitions of their keys. */
  readonly placement?: KeyPlacement
  /** Answers of the calls that its input has caused before. Its calls are not made again. */
  readonly recordedAnswers?: RecordedAnswers | undefined
}
