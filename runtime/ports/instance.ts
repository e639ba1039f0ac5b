import { RetriableError, StreamsError } from '../../state/ports/errors.ts'
import type { VersionedRecord, Windowed } from '../../state/ports/stores.ts'
import type { Plan, StreamPartitioner } from '../../topology/plan.ts'
import type { TopicPartition } from './log.ts'
import type { MetricFamily } from './metrics.ts'

/** The states of KafkaStreams.State. */
export type InstanceState = 'CREATED' | 'REBALANCING' | 'RUNNING' | 'PENDING_SHUTDOWN' | 'NOT_RUNNING' | 'ERROR'

/** The store restores or moves. Ask again later (HTTP 503 + Retry-After). */
export class StoreUnavailableError extends StreamsError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super('STORE_UNAVAILABLE', message, options)
  }
}

/** The brokers' part of an answer. @throws StoreUnavailableError when they do not answer now */
export async function answerOfBrokers<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof RetriableError)) throw error
    throw new StoreUnavailableError(`the brokers do not answer: ${error.message}`, { cause: error })
  }
}

/** Compares the code, because errors from a worker have lost their class. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof StreamsError && error.code === 'STORE_UNAVAILABLE'
}

/** This application has no store of that name (HTTP 404). Ask for another one. */
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
    /** Offsets behind endOffset that an open transaction of a producer holds back. */
    readonly heldBack: number
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
  /** A standby may answer too; `lag` says how far it is behind. Default: only the process that runs the task. */
  readonly allowStale?: boolean
}

export interface KeyOptions extends ReadOptions {
  /**
   * Chooses the partition of the key, as the producers of the source topic do. Default: what the topology says (Repartitioned, Produced
   * and Consumed have a `partitioner`), else Kafka's default partitioner. It is given null for the value.
   */
  readonly partitioner?: StreamPartitioner | undefined
}

/** Selects among the rows that match. */
export interface PageOptions {
  /**
   * Most rows of the answer; `nextCursor` leads to the others. Without a limit the answer is complete, or a StreamsConfigError
   * when it would have more than 10,000 rows.
   */
  readonly limit?: number
  /** `nextCursor` of the previous page of the same question. */
  readonly cursor?: string | undefined
  /** Begin at the end of the order. Default false. */
  readonly reverse?: boolean
}

export interface KeyPageOptions extends KeyOptions, PageOptions {}

export interface StorePageOptions extends ReadOptions, PageOptions {
  /** Partitions of the store; this process must have them all. Default: its partitions by the last assignment. */
  readonly partitions?: readonly number[] | undefined
}

export interface SessionOptions extends KeyPageOptions {
  /** Return only sessions that end then or later, epoch ms. */
  readonly earliestEnd?: number
  /** Return only sessions that start then or earlier, epoch ms. */
  readonly latestStart?: number
}

/** `from`, `to` and `after` are keys of key-value and versioned stores. */
export interface StoreScan extends StorePageOptions {
  /** Inclusive. */
  readonly from?: unknown
  /** Inclusive. */
  readonly to?: unknown
  /** Exclusive: the key of the last row of the previous page, for callers without a cursor. */
  readonly after?: unknown
}

export interface RowsAnswer<R> extends QueryAnswer<readonly R[]> {
  /** Cursor of the next page; null after the last one. It is a place in the order, so it stays valid. */
  readonly nextCursor: string | null
  /** Partitions of the store that the rows come from. */
  readonly partitions: readonly number[]
  /** Place of each row in the order: answers of several instances are merged by these texts, compared as JavaScript does. */
  readonly positions: readonly string[]
}

/** A question that the store declares with its secondary index (StoreIndexSpec); parameters and answers are plain data. */
export interface IndexQuery extends ReadOptions {
  readonly question: string
  readonly params: unknown
  /** Same meaning as in StorePageOptions. */
  readonly partitions?: readonly number[] | undefined
}

/** Names a record of an input topic. */
export interface MinOffset extends TopicPartition {
  readonly offset: number
}

export interface WatchOptions extends Pick<KeyOptions, 'partitioner'> {
  /** Report the row as plainRow() makes it, also where the application has a view of it. Default false. */
  readonly isPlain?: boolean | undefined
}

/** Selects among the windows or sessions of a key. */
export interface WatchPageOptions extends SessionOptions {
  /** For window stores: return only windows that start then or later, epoch ms. */
  readonly from?: number
  /** For window stores: return only windows that start then or earlier, epoch ms. */
  readonly to?: number
}

export interface RowWatch {
  /** The row when the watch began; onChange may already have reported a later one. */
  readonly first: QueryAnswer<string | null>
  /** Resolves when the task has moved elsewhere; no change is reported after that. */
  readonly ended: Promise<void>
  close(): void
}

/** A process that runs a task. */
export interface TaskHost {
  readonly processId: string
  /** `host:port` of its APPLICATION_SERVER; null when it has none. */
  readonly endpoint: string | null
  /** This process. */
  readonly isLocal: boolean
}

/** The processes that have a partition of a store, by the group's last assignment. (KeyQueryMetadata of Kafka Streams.) */
export interface KeyQueryMetadata {
  readonly partition: number
  /** null: no process at the moment, or the owner is unknown. */
  readonly active: TaskHost | null
  readonly standbys: readonly TaskHost[]
}

/**
 * Questions to the stores of a running application instance. Keys and values are in the types of the store's serdes, and rows as its API
 * gives them: timestamped stores answer ValueAndTimestamp, versioned stores VersionedRecord. The type parameters are what the caller
 * knows of them. Answers show committed data only.
 *
 * Order of rows: key-value and versioned stores by the bytes of the serialised key; window stores by start, then key bytes; session
 * stores by end, then key bytes, then start. It is the same over pages, partitions and instances.
 *
 * All throw NoSuchStoreError, StoreUnavailableError while the store restores or moves, and StreamsConfigError for a question that does
 * not fit the store.
 */
export interface StoreQueries {
  /**
   * The row of a key, in the owned task that holds it; null when absent. The key of a window or session store is a `{ key, window
   * }` as its rows have it.
   */
  get<V = unknown>(store: string, key: unknown, options?: KeyOptions): Promise<QueryAnswer<V | null>>
  /** For key-value and versioned stores: rows with a key from `from` to `to`, both inclusive; null = unbounded. */
  range<K = unknown, V = unknown>(
    store: string,
    from: K | null,
    to: K | null,
    options?: StorePageOptions,
  ): Promise<RowsAnswer<readonly [key: K, value: V]>>
  /** For window stores: the rows of a key whose windows start from `from` to `to`, epoch ms, both inclusive. */
  fetch<V = unknown>(
    store: string,
    key: unknown,
    from: number,
    to: number,
    options?: KeyPageOptions,
  ): Promise<RowsAnswer<readonly [windowStart: number, value: V]>>
  /** For window stores: the rows of all keys whose windows start from `from` to `to`, epoch ms, both inclusive. */
  fetchAll<K = unknown, V = unknown>(
    store: string,
    from: number,
    to: number,
    options?: StorePageOptions,
  ): Promise<RowsAnswer<readonly [key: Windowed<K>, value: V]>>
  /** For session stores: the sessions of a key. */
  sessions<K = unknown, V = unknown>(
    store: string,
    key: K,
    options?: SessionOptions,
  ): Promise<RowsAnswer<readonly [session: Windowed<K>, value: V]>>
  /**
   * For versioned stores: the version that was valid at the time, epoch ms; null when there was none, or it is no longer kept.
   */
  asOf<V = unknown>(
    store: string,
    key: unknown,
    time: number,
    options?: KeyOptions,
  ): Promise<QueryAnswer<VersionedRecord<V> | null>>
  /** For any store: all rows, page by page. Keys of window and session stores are `{ key, window }`. */
  scan<K = unknown, V = unknown>(store: string, options?: StoreScan): Promise<RowsAnswer<readonly [key: K, value: V]>>
  /** Asks the secondary index of the store: one answer of every partition. */
  ask(store: string, query: IndexQuery): Promise<QueryAnswer<readonly unknown[]>>
  /** Works like get(), but returns the JSON text of the application's view of that store, made by the thread that has it. */
  getJson(store: string, key: unknown, options?: KeyOptions): Promise<QueryAnswer<string | null>>
  /**
   * For key-value and versioned stores: reports a row's JSON text (as getJson) after each commit that changed it, while this process runs the task. Throws
   * StoreUnavailableError when it does not.
   */
  watch(
    store: string,
    key: unknown,
    onChange: (row: QueryAnswer<string | null>) => void,
    options?: WatchOptions,
  ): Promise<RowWatch>
  /**
   * For window and session stores: reports the JSON text of a page of the key's rows, `{ rows, nextCursor }` with rows as plainRow()
   * makes them, after each commit that changed it, while this process runs the task. When commits follow quickly, it reports the latest.
   */
  watchPage(
    store: string,
    key: unknown,
    onChange: (page: QueryAnswer<string | null>) => void,
    options?: WatchPageOptions,
  ): Promise<RowWatch>
  /** Finds the key's partition and its owners. For a window or session store: a key, or a `{ key, window }`. */
  queryMetadataForKey(store: string, key: unknown, options?: Pick<KeyOptions, 'partitioner'>): KeyQueryMetadata
  /** Owners of the store's partitions, in their order. */
  streamsMetadataForStore(store: string): readonly KeyQueryMetadata[]
  /**
   * Returns the offsets that the sources of the store's own tasks must have passed for committed rows to show those records. Where
   * the tasks read the records themselves, these are the same offsets. Behind a repartition topic they are the end of what the
   * tasks before have written there, once the group has committed the records. null: not within the time (ms).
   * @throws RangeError for a topic that the store does not come from
   */
  sourceOffsets(store: string, offsets: readonly MinOffset[], timeoutMs: number): Promise<readonly MinOffset[] | null>
  /** Waits until committed rows of those partitions of the store show them; false: not within the time. Other partitions do not count. */
  passed(
    store: string,
    offsets: readonly MinOffset[],
    options: { readonly partitions: readonly number[]; readonly timeoutMs: number },
  ): Promise<boolean>
}

/** How a process reaches the brokers of its cluster. */
export interface BrokerReach {
  /** The brokers of the cluster, `host:port`, as far as known. */
  readonly known: readonly string[]
  /** The brokers that have not answered for some seconds. `reason`: why the last attempt failed; null: no attempt has ended. */
  readonly silent: ReadonlyArray<{ readonly broker: string; readonly reason: string | null }>
}

/** No broker answers: nothing is processed, and lag is unknown. */
export function isCutOff({ known, silent }: BrokerReach): boolean {
  return known.length > 0 && silent.length >= known.length
}

/** A running application instance, as HTTP and the command line see it. */
export interface StreamsInstance extends StoreQueries {
  /** The plan that runs here; null: a module exports it, and start() has not loaded it yet. */
  plan(): Plan | null
  state(): InstanceState
  tasks(): Promise<readonly TaskStatus[]>
  /** Number of stream threads, those that are being replaced included. */
  threads(): number
  /**
   * Adds a stream thread. Resolves with its name when tasks are dealt to it too; stores may still be restoring. null: the instance is
   * neither RUNNING nor REBALANCING, or ends before.
   */
  addStreamThread(): Promise<string | null>
  /**
   * Ends the stream thread with the highest index, after its tasks have gone to the other ones or to other instances. Resolves with its
   * name. null: it is the only one, the instance is neither RUNNING nor REBALANCING, or ends before.
   */
  removeStreamThread(): Promise<string | null>
  metrics(): Promise<readonly MetricFamily[]>
  brokers(): BrokerReach
  /** Resolves with null after close(), or with the error that stopped the instance. */
  readonly stopped: Promise<Error | null>
  /** Stops processing after the record at hand; queries, commits and standbys go on. */
  pause(): Promise<void>
  resume(): Promise<void>
  isPaused(): boolean
  /** Closes cleanly: last commit, release tasks, leave the group. */
  close(options?: CloseOptions): Promise<void>
}

export interface CloseOptions {
  /** How long the last commit may wait for brokers that do not answer, ms. Default: closeTimeoutMs of the configuration. */
  readonly timeoutMs?: number | undefined
  /**
   * Default true: the others get the tasks at once. false: the tasks wait for this member until the session times out, as after a short
   * restart.
   */
  readonly leaveGroup?: boolean | undefined
}
