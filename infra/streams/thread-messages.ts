import type { StreamsConfig } from '../../runtime/instance/streams-config.ts'
import type { RestoreEvent, TaskStatus } from '../../runtime/ports/instance.ts'
import type { GroupMetadata } from '../../runtime/ports/log.ts'
import type { MetricFamily } from '../../runtime/ports/metrics.ts'
import type { BadRecords } from '../../runtime/task/bad-records.ts'
import type { MisplacedKeys } from '../../runtime/task/key-placement.ts'
import type { LostInput } from '../../runtime/task/lost-input.ts'
import type {
  InputOffset,
  StoreAnswer,
  TaskPosition,
  TasksAnswer,
  ThreadAnswer,
  ThreadQuery,
  ThreadWatch,
} from '../../runtime/thread/thread-control.ts'
import type { LevelSizes } from '../../state/backends/level-sizes.ts'
import type { RecordDescription } from '../../state/ports/errors.ts'
import type { KafkaConnectionConfig } from '../kafka/kafka-config.ts'
import type { LogFields } from '../logging/error-fields.ts'
import type { TracingConfig } from '../tracing/otel-tracing.ts'
import type { AppDefinition } from './app-definition.ts'

/** A thread is started with this. */
export interface ThreadSetup {
  readonly index: number
  readonly app: AppDefinition
  readonly kafka: KafkaConnectionConfig
  readonly config: StreamsConfig
  readonly partitions: ReadonlyMap<string, number>
  /** null under at_least_once. */
  readonly transactionalId: string | null
  readonly transactionTimeoutMs: number
  /** How long close() waits for brokers that do not answer. */
  readonly closeTimeoutMs: number
  readonly stateBackend: 'level' | 'memory'
  readonly stateDirectory: string
  readonly levelSizes: LevelSizes
  /** null: nothing is traced. */
  readonly tracing: TracingConfig | null
}

/** The worker itself gets this. */
export interface WorkerSetup extends ThreadSetup {
  /** Counts on whenever point reads may answer something else: see KeptAnswers. */
  readonly readsVersion: Int32Array<SharedArrayBuffer>
}

/** Requests to a worker, each answered once by its id. */
export type ThreadRequest =
  | {
      readonly type: 'assign'
      readonly active: readonly string[]
      readonly standby: readonly string[]
      readonly group: GroupMetadata
    }
  | { readonly type: 'lost' | 'close' }
  | { readonly type: 'query'; readonly read: ThreadQuery }
  | { readonly type: 'passed'; readonly input: readonly InputOffset[]; readonly timeoutMs: number }
  /** `watch`: the number its changes come with. */
  | { readonly type: 'watch'; readonly watch: number; readonly read: ThreadWatch }
  | { readonly type: 'unwatch'; readonly watch: number }
  | { readonly type: 'positions' | 'tasks' | 'metrics' }

export interface ThreadAnswers {
  assign: undefined
  lost: undefined
  close: undefined
  query: TasksAnswer<StoreAnswer>
  passed: boolean
  watch: ThreadAnswer<string | null> | null
  unwatch: undefined
  positions: readonly TaskPosition[]
  tasks: readonly TaskStatus[]
  metrics: readonly MetricFamily[]
}

/** An error as it crosses: class and stack stay behind, `code` says what to do. */
export interface SentError {
  readonly name: string
  readonly message: string
  readonly code: string
  readonly stack: string
  /** The end of this chain is the error that a function of the user threw, with its own stack. */
  readonly cause: SentError | null
  /** Where it happened. */
  readonly fields: LogFields
  /** Those of the fields that the application named. */
  readonly description: RecordDescription
}

/** All requests of one turn of the event loop: a message costs more than its content. */
export interface ToWorker {
  readonly requests: ReadonlyArray<{ readonly id: number; readonly request: ThreadRequest }>
  /** Point reads, flat because there may be very many: id, taskId, store, key, role, asJson of each, one behind the other. */
  readonly gets: readonly unknown[]
}

export const GET_WIDTH = 6
/** id, whether the task is open there, result, lag; all as of `version`. */
export const GOT_WIDTH = 4

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: SentError }
  | { readonly watch: number; readonly row: ThreadAnswer<string | null> }

export type FromWorker =
  | {
      readonly type: 'replies'
      readonly replies: readonly Reply[]
      readonly gots: readonly unknown[]
      readonly version: number
    }
  /** How many of the assigned tasks are not open yet. */
  | { readonly type: 'opening'; readonly left: number }
  | { readonly type: 'recovered'; readonly error: SentError }
  | { readonly type: 'restore'; readonly event: RestoreEvent }
  | { readonly type: 'traces-lost'; readonly error: SentError }
  | { readonly type: 'bad-records'; readonly bad: BadRecords }
  | { readonly type: 'input-lost'; readonly lost: LostInput }
  | { readonly type: 'misplaced-keys'; readonly keys: MisplacedKeys }
  | { readonly type: 'stopped'; readonly error: SentError | null }
