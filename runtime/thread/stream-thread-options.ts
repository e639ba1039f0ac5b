import type { Plan } from '../../topology/plan.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { RestoreEvent } from '../ports/instance.ts'
import type { GroupMetadata, LogAdmin, LogReader, LogWriter } from '../ports/log.ts'
import type { RecordTracer } from '../ports/tracing.ts'
import type { BadRecords } from '../task/bad-records.ts'
import type { MisplacedKeys } from '../task/key-placement.ts'
import type { LostInput } from '../task/lost-input.ts'
import type { DescribeRecord } from '../task/record-description.ts'
import type { StoreOpener } from '../task/task-stores.ts'

export interface StreamThreadOptions {
  readonly plan: Plan
  readonly config: StreamsConfig
  /** topic -> partition count of every topic of the plan, output and dead letter topics included. */
  readonly partitions: ReadonlyMap<string, number>
  readonly reader: LogReader
  readonly newRestoreReader: () => LogReader
  readonly writer: LogWriter
  readonly admin: LogAdmin
  readonly clock: Clock
  readonly openStore: StoreOpener
  /** The member's current metadata; null while it owns nothing. */
  readonly group: () => GroupMetadata | null
  /** Called for failures it recovered from, with the tasks that each concerns, for the log. */
  readonly onRecovered?: (error: Error, tasks: readonly string[]) => void
  /** Called with the bad records of each settled commit, for the log. */
  readonly onBadRecords?: (bad: BadRecords) => void
  /** Called when a committed offset is not in the log of its partition. */
  readonly onInputLost?: (lost: LostInput) => void
  /** Called once per topic whose records do not lie where their keys belong. */
  readonly onMisplacedKeys?: (keys: MisplacedKeys) => void
  /** Traces records, if they are to be. */
  readonly tracer?: RecordTracer
  /** Says by which fields log lines name a bad record. */
  readonly describeRecord?: DescribeRecord
  /** Called with the number of assigned tasks that are not open yet, whenever it changes. */
  readonly onOpening?: (left: number) => void
  /** Called when a commit has settled, or failed. */
  readonly onSettled?: () => void
  /** Called in the step in which point reads may start to answer something else: rows, lag, which tasks are open. */
  readonly onReadsChanged?: () => void
  /** Called with the progress of restores of active tasks. */
  readonly onRestore?: (event: RestoreEvent) => void
}
