import type { ScanOptions, TaskStatus } from './ports/instance.ts'
import type { GroupMetadata, TopicPartition } from './ports/log.ts'
import type { MetricFamily } from './ports/metrics.ts'

/** A row with its storage key (binary string), so that rows of several threads merge in one order. */
export interface OrderedRow {
  readonly order: string
  readonly key: unknown
  readonly value: unknown
}

/** An answer of one task, or of all tasks of one thread. */
export interface ThreadAnswer<T> {
  readonly result: T
  /** Records behind, over the answering tasks. */
  readonly lag: number
}

/** Rows of all tasks of a thread that were open all the time while they were read. */
export interface ThreadRows extends ThreadAnswer<readonly OrderedRow[]> {
  readonly tasks: readonly string[]
}

/** The changelogs of a task, and the offset that its state here reaches. */
export interface TaskPosition {
  readonly taskId: string
  readonly changelogs: ReadonlyArray<TopicPartition & { readonly position: number }>
}

/**
 * A stream thread as the instance drives it, whether it lives in this thread or in a worker. Everything it carries is plain
 * data.
 */
export interface ThreadControl {
  /**
   * Tasks to run and to follow from now on; commits under way carry `group` from the call on. Resolves when what is on neither
   * list any more is released; `onOpening` of the thread tells when the new ones are open.
   */
  assign(active: readonly string[], standby: readonly string[], group: GroupMetadata): Promise<void>
  /** Drops the active tasks without a commit. */
  lost(): Promise<void>
  close(): Promise<void>
  readonly stopped: Promise<Error | null>
  /** True when every active task is open. */
  isReady(): boolean
  /** Point read in one task (GLOBAL_TASK_ID: in a global store); null when the task is not open here. */
  get(taskId: string, store: string, key: unknown): Promise<ThreadAnswer<unknown> | null>
  /** Rows of the store over all open tasks of this thread, in key order. A global store: of the task GLOBAL_TASK_ID. */
  scan(store: string, options: ScanOptions): Promise<ThreadRows>
  /** How far the stores of its tasks are, active and standby. */
  positions(): Promise<readonly TaskPosition[]>
  tasks(): Promise<readonly TaskStatus[]>
  metrics(): Promise<readonly MetricFamily[]>
}
