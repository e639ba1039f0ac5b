import type { Plan } from '../../topology/plan.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { ThreadListener } from '../ports/instance-events.ts'
import type { GroupMetadata, LogAdmin, LogReader, LogWriter } from '../ports/log.ts'
import type { RecordTracer } from '../ports/tracing.ts'
import type { DescribeRecord } from '../task/record-description.ts'
import type { StoreOpener } from '../task/task-stores.ts'

export interface StreamThreadOptions {
  readonly plan: Plan
  readonly config: StreamsConfig
  /** topic -> partition count of every topic of the plan, output and dead letter topics included. */
  readonly partitions: ReadonlyMap<string, number>
  readonly reader: LogReader
  /** read_committed; used by nobody but the caller. */
  readonly newRestoreReader: () => LogReader
  readonly writer: LogWriter
  readonly admin: LogAdmin
  readonly clock: Clock
  readonly openStore: StoreOpener
  /** The member's current metadata; null while it owns nothing. */
  readonly group: () => GroupMetadata | null
  /** Hears all that the thread tells. */
  readonly onEvent: ThreadListener
  /** Traces records, if they are to be. */
  readonly tracer?: RecordTracer
  /** Says by which fields log lines name a bad record. */
  readonly describeRecord?: DescribeRecord
  /** Called when a commit has settled, or failed. */
  readonly onSettled?: () => void
}
