import type { MessagePort } from 'node:worker_threads'
import type { StreamsConfig } from '../../runtime/instance/streams-config.ts'
import type { ThreadEvent } from '../../runtime/ports/instance-events.ts'
import type { GroupMetadata } from '../../runtime/ports/log.ts'
import type {
  ThreadAnswer,
  ThreadAnswers,
  ThreadPage,
  ThreadQuestion,
  ThreadWatch,
} from '../../runtime/thread/thread-control.ts'
import type { BufferSizes } from '../../state/backends/buffer-sizes.ts'
import type { StateBackend } from '../../state/ports/backend.ts'
import type { RecordDescription } from '../../state/ports/errors.ts'
import type { Compression } from '../kafka/compression.ts'
import type { KafkaConnectionConfig } from '../kafka/kafka-config.ts'
import type { LogFields } from '../logging/error-fields.ts'
import type { TracingConfig } from '../tracing/index.ts'
import type { AppDefinition } from './app-definition.ts'
import type { ThreadBudget } from './thread-budgets.ts'

/** A worker loads its modules by this, before anything else is known. */
export interface WorkerModules {
  readonly index: number
  readonly app: AppDefinition
  readonly youngGenerationBytes: number
}

/** A thread begins with this. */
export interface ThreadSetup {
  readonly kafka: KafkaConnectionConfig
  readonly config: StreamsConfig
  readonly partitions: ReadonlyMap<string, number>
  /** Topics that exist, for patterns of the topology; null: it has none. */
  readonly existingTopics: readonly string[] | null
  /** null under at_least_once. */
  readonly transactionalId: string | null
  readonly transactionTimeoutMs: number
  /** How long close() waits for brokers that do not answer. */
  readonly closeTimeoutMs: number
  readonly compression: Compression
  readonly stateBackend: StateBackend
  readonly stateDirectory: string
  readonly bufferSizes: BufferSizes
  /** The budget to begin with. */
  readonly budget: ThreadBudget
  /** null: nothing is traced. */
  readonly tracing: TracingConfig | null
}

/** A worker is made with this. */
export interface WorkerBirth extends WorkerModules {
  /** The ThreadSetup comes here, once the worker may open connections and stores: messages on the worker's own port wait until it listens there. */
  readonly setup: MessagePort
}

/** Requests to a worker, each answered once by its id. */
export type ThreadRequest =
  | {
      readonly type: 'assign'
      readonly active: readonly string[]
      readonly standby: readonly string[]
      readonly group: GroupMetadata
    }
  | { readonly type: 'lost' }
  | { readonly type: 'close'; readonly timeoutMs?: number | undefined }
  | { readonly type: 'pause'; readonly isPaused: boolean }
  | { readonly type: 'budget'; readonly budget: ThreadBudget }
  | ThreadQuestion
  /** `watch`: the number its changes come with. */
  | { readonly type: 'watch'; readonly watch: number; readonly read: ThreadWatch | ThreadPage }
  | { readonly type: 'unwatch'; readonly watch: number }

export interface RequestAnswers extends ThreadAnswers {
  readonly assign: undefined
  readonly lost: undefined
  readonly close: undefined
  readonly pause: undefined
  readonly budget: undefined
  readonly watch: ThreadAnswer<string | null> | null
  readonly unwatch: undefined
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
  /** Fields of the description that the application gave. */
  readonly description: RecordDescription
}

/** An event as it crosses. */
export type SentEvent = Sent<ThreadEvent>
type Sent<E> = E extends { readonly error: Error } ? Omit<E, 'error'> & { readonly error: SentError } : E

/** All requests of one turn of the event loop: a message costs more than its content. */
export interface ToWorker {
  readonly requests: ReadonlyArray<{ readonly id: number; readonly request: ThreadRequest }>
  /** Point reads, flat because there may be very many: id, taskId, store, key, role, asJson of each, one behind the other. */
  readonly gets: readonly unknown[]
}

export const GET_WIDTH = 6
/** id, whether the task is open there, result, lag. */
export const GOT_WIDTH = 4

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: SentError }
  | { readonly watch: number; readonly row: ThreadAnswer<string | null> }

export type FromWorker =
  | { readonly type: 'replies'; readonly replies: readonly Reply[]; readonly gots: readonly unknown[] }
  | { readonly type: 'event'; readonly event: SentEvent }
  | { readonly type: 'stopped'; readonly error: SentError | null }
