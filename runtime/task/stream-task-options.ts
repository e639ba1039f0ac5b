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
import type { TaskSource } from './source-positions.ts'
import type { Numbers } from './task-marks.ts'
import type { RecordedTicks } from './tick-log.ts'

export interface StreamTaskOptions {
  readonly subtopology: Subtopology
  readonly partition: number
  readonly sources: readonly TaskSource[]
  readonly collector: OutputCollector
  readonly clock: Clock
  readonly metrics: ThreadMetrics
  readonly config: StreamsConfig
  /** Records to be made dead letters without processing them. */
  readonly poisoned: PoisonedRecords
  /** Marks of the task as of the last commit. */
  readonly numbers?: Numbers
  /** Stores another scope owns and this task may read (global tables). */
  readonly globalStores?: ReadonlyMap<string, StateStore>
  /** Idle ticks of the task in the log, where the plan has them. */
  readonly ticks?: RecordedTicks
  readonly tracer?: RecordTracer
  /** Says by which fields log lines name a bad record. */
  readonly describeRecord?: DescribeRecord
  /** Looks at what was fetched, whether it lies where its keys belong. */
  readonly placement?: KeyPlacement
}
