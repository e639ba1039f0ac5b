import { StreamsError } from '../../state/ports/errors.ts'
import type { TopicPartition } from './log.ts'
import type { MetricFamily } from './metrics.ts'

/** As KafkaStreams.State. */
export type InstanceState = 'CREATED' | 'REBALANCING' | 'RUNNING' | 'PENDING_SHUTDOWN' | 'NOT_RUNNING' | 'ERROR'

/** Ask again later (HTTP 503 + Retry-After): the store restores or moves. */
export class StoreUnavailableError extends StreamsError {
  constructor(message: string) {
    super('STORE_UNAVAILABLE', message)
  }
}

/** By code: errors that come from a worker have lost their class. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof StreamsError && error.code === 'STORE_UNAVAILABLE'
}

/** Ask for another store: this application has none of that name (HTTP 404). */
export class NoSuchStoreError extends StreamsError {
  constructor(store: string) {
    super('NO_SUCH_STORE', `this application has no store ${store}`)
  }
}

export interface RestoreProgress {
  readonly store: string
  readonly partition: number
  readonly remaining: number
  readonly total: number
  readonly recordsPerSecond: number
}

/** How the restore of one store gets on, for the log. wiped: its position was not in the changelog. */
export interface RestoreEvent extends RestoreProgress {
  readonly type: 'start' | 'progress' | 'end' | 'wiped'
  readonly taskId: string
  /** The changelog. */
  readonly topic: string
  readonly elapsedMs: number
}

export interface TaskStatus {
  /** `<subtopology>_<partition>` */
  readonly taskId: string
  readonly state: 'restoring' | 'running' | 'standby'
  /** Stream thread index. */
  readonly thread: number
  readonly partitions: ReadonlyArray<{
    readonly topic: string
    readonly partition: number
    readonly position: number
    readonly endOffset: number
  }>
  readonly restore: readonly RestoreProgress[]
}

/** Rows answered by a store, committed data only. */
export interface QueryAnswer<T> {
  readonly result: T
  /** Records the answering tasks were behind their input, at the answer. */
  readonly lag: number
}

export interface ReadOptions {
  /** A standby, too, may answer; `lag` says how far it is behind. Default: only whoever runs the task. */
  readonly allowStale?: boolean
}

/** A record of an input topic. */
export interface MinOffset extends TopicPartition {
  readonly offset: number
}

export interface ScanOptions {
  readonly from?: unknown
  /** Exclusive lower bound: the last key of the page before. */
  readonly after?: unknown
  /** Inclusive. */
  readonly to?: unknown
  readonly limit: number
  readonly reverse?: boolean
}

export interface StoreScan extends ScanOptions, ReadOptions {
  /** Of the store; default: all there are. */
  readonly partitions?: readonly number[]
}

/** A question that the store declares with its secondary index (StoreIndexSpec); parameters and answers are plain data. */
export interface IndexQuery extends ReadOptions {
  readonly question: string
  readonly params: unknown
  /** Of the store; default: all there are. */
  readonly partitions?: readonly number[]
}

export interface RowWatch {
  /** The row when the watch began; onChange may have been told of a later one already. */
  readonly first: QueryAnswer<string | null>
  /** Resolves when the task has moved elsewhere: nothing is told any more. */
  readonly ended: Promise<void>
  close(): void
}

/** A process that has a task. */
export interface TaskHost {
  readonly processId: string
  /** `host:port` of its APPLICATION_SERVER; null when it has none. */
  readonly endpoint: string | null
  /** This process. */
  readonly isLocal: boolean
}

/** Who has a partition of a store, by the group's last assignment. (KeyQueryMetadata of Kafka Streams.) */
export interface KeyQueryMetadata {
  readonly partition: number
  /** null: nobody just now, or nobody knows. */
  readonly active: TaskHost | null
  readonly standbys: readonly TaskHost[]
}

/**
 * A running application instance, as HTTP and the command line see it. Keys and values are in the types of the
 * store's serdes; timestamped stores answer ValueAndTimestamp. Throws StoreUnavailableError.
 */
export interface StreamsInstance {
  state(): InstanceState
  /** Value of the key in whichever owned task holds it; null when absent. */
  get(store: string, key: unknown, options?: ReadOptions): Promise<QueryAnswer<unknown>>
  /** As get(): the JSON text of the row as the application's view of that store shows it, made where the store is. */
  getJson(store: string, key: unknown, options?: ReadOptions): Promise<QueryAnswer<string | null>>
  /** What getJson() would answer now, when that is known without asking the thread that has the store; else null: ask. */
  keptJson(store: string, key: unknown): QueryAnswer<string | null> | null
  /** Rows of the tasks of those partitions merged in key order (bytes of the serialised key); this process must have them all. */
  scan(store: string, options: StoreScan): Promise<QueryAnswer<ReadonlyArray<readonly [key: unknown, value: unknown]>>>
  /** Asks the secondary index of the store: one answer of every partition; this process must have them all. */
  ask(store: string, query: IndexQuery): Promise<QueryAnswer<readonly unknown[]>>
  /**
   * What must have passed through the sources of the store's own tasks for committed rows to show those records: the records
   * themselves where the tasks read them; behind a repartition topic what the tasks before have written there, once the group has
   * committed the records. null: not within the time (ms). @throws RangeError for a topic that the store does not come from
   */
  sourceOffsets(store: string, offsets: readonly MinOffset[], timeoutMs: number): Promise<readonly MinOffset[] | null>
  /** Waits until committed rows of those partitions of the store show them; false: not within the time. Other partitions do not count. */
  passed(
    store: string,
    offsets: readonly MinOffset[],
    options: { readonly partitions: readonly number[]; readonly timeoutMs: number },
  ): Promise<boolean>
  /**
   * Tells of a row's JSON text (as getJson) after each commit that changed it, while this process runs the task.
   * Throws StoreUnavailableError when it does not.
   */
  watch(store: string, key: unknown, onChange: (row: QueryAnswer<string | null>) => void): Promise<RowWatch>
  /** Where the key is. */
  queryMetadataForKey(store: string, key: unknown): KeyQueryMetadata
  /** Where the partitions of the store are, in their order. */
  streamsMetadataForStore(store: string): readonly KeyQueryMetadata[]
  tasks(): Promise<readonly TaskStatus[]>
  metrics(): Promise<readonly MetricFamily[]>
  /** Resolves with null after close(), or with the error that stopped the instance. */
  readonly stopped: Promise<Error | null>
  /** Clean close: last commit, release tasks, leave the group. */
  close(): Promise<void>
}
