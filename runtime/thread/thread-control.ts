import type { RowsQuestion, StoredRow, StoreQuestion } from '../../state/ports/questions.ts'
import type { TaskStatus } from '../ports/instance.ts'
import type { GroupMetadata, TopicPartition } from '../ports/log.ts'
import type { MetricFamily } from '../ports/metrics.ts'

/** An answer of one task, or of all tasks of one thread. */
export interface ThreadAnswer<T> {
  readonly result: T
  /** Records behind, over the answering tasks. Of a standby: changelog records, as far as it knows. */
  readonly lag: number
}

/** A record of a task's input. */
export interface InputOffset extends TopicPartition {
  readonly taskId: string
  readonly offset: number
}

/** Selects a copy of a task's stores: that of its owner (default), or that of a standby. */
export type TaskRole = 'active' | 'standby'

export interface ThreadGet {
  readonly taskId: string
  readonly store: string
  /** Binary string of what the key serde writes. */
  readonly key: string
  readonly role: TaskRole
  /** JSON text of the application's view of the row instead of the stored row. */
  readonly asJson: boolean
}

/** A row, or its JSON text; null when absent. */
export type GotRow = StoredRow | string | null

/** The part of a store that is read. */
export interface ThreadShare {
  readonly store: string
  /** Tasks wanted; those that are not open here in that role are left out. */
  readonly tasks: readonly string[]
  readonly role: TaskRole
}

/** Any question to a store but the point read of a key, which has a shorter way. */
export interface ThreadQuery extends ThreadShare {
  readonly question: StoreQuestion
}

export interface StoreAnswer {
  /** Rows of all the tasks in the store's order, at most as many as the question wants. */
  readonly rows: readonly StoredRow[]
  /** The answers of a secondary index, task by task. */
  readonly data: readonly unknown[]
}

/** The answer of the tasks that were open all the time while they were read. */
export interface TasksAnswer<T> extends ThreadAnswer<T> {
  readonly tasks: readonly string[]
}

/** One row of a task that is watched as JSON. */
export interface ThreadWatch extends Pick<ThreadGet, 'taskId' | 'store' | 'key'> {
  /** The JSON is that of the row (PlainRow), also where the application has a view of it. */
  readonly isPlain?: boolean
}

/** Rows of one store of a task that are watched as JSON: a page, as a query answers it. */
export interface ThreadPage extends Pick<ThreadGet, 'taskId' | 'store'> {
  /** It wants one row more than the page has. */
  readonly question: RowsQuestion
  /** Most rows of the page; undefined: all. */
  readonly limit: number | undefined
}

/** Called with the row, or the page, after a commit that changed it; null when it is gone. */
export type WatchListener = (row: ThreadAnswer<string | null>) => void

export interface WatchedRow {
  /** The row when the watch began. The listener may have got a later one already. */
  readonly first: ThreadAnswer<string | null>
  /** Ends the watch. */
  remove(): void
}

/** The changelogs of a task, and the offset that its state here reaches. */
export interface TaskPosition {
  readonly taskId: string
  readonly changelogs: ReadonlyArray<TopicPartition & { readonly position: number }>
}

/** The questions to a thread, but point reads and watches. A new kind stands here and in LocalThread. */
export type ThreadQuestion =
  /** Reads stores. A global store is in the task GLOBAL_TASK_ID. */
  | { readonly type: 'query'; readonly read: ThreadQuery }
  /** Whether committed state shows all of that input; the answer is false when it does not within the time (ms). */
  | { readonly type: 'passed'; readonly input: readonly InputOffset[]; readonly timeoutMs: number }
  /** How far the stores of its tasks are, active and standby. */
  | { readonly type: 'positions' }
  | { readonly type: 'tasks' }
  | { readonly type: 'metrics' }

export interface ThreadAnswers {
  readonly query: TasksAnswer<StoreAnswer>
  readonly passed: boolean
  readonly positions: readonly TaskPosition[]
  readonly tasks: readonly TaskStatus[]
  readonly metrics: readonly MetricFamily[]
}

/** The answers of a thread that has nothing. */
export const NO_ANSWERS: ThreadAnswers = {
  query: { result: { rows: [], data: [] }, lag: 0, tasks: [] },
  passed: false,
  positions: [],
  tasks: [],
  metrics: [],
}

/**
 * A stream thread as the instance drives it, whether it lives in this thread or in a worker. Everything it carries is plain
 * data.
 */
export interface ThreadControl {
  /**
   * Tasks to run and to follow from now on; commits under way carry `group` from the call on. Resolves when what is on neither
   * list any more is released; its event `opening` tells when the new ones are open.
   */
  assign(active: readonly string[], standby: readonly string[], group: GroupMetadata): Promise<void>
  /** Drops the active tasks without a commit. */
  lost(): Promise<void>
  /** Paused, it processes nothing and punctuates nothing; it still commits, restores, and answers. */
  setPaused(isPaused: boolean): Promise<void>
  /** @param timeoutMs how long the last commit may wait for brokers; default: as long as the thread was told at its start */
  close(timeoutMs?: number): Promise<void>
  readonly stopped: Promise<Error | null>
  /** True when every active task is open. */
  isReady(): boolean
  /** Point read in one task (GLOBAL_TASK_ID: in a global store); null when the task is not open here in that role. */
  get(read: ThreadGet): Promise<ThreadAnswer<GotRow> | null>
  ask<Q extends ThreadQuestion>(question: Q): Promise<ThreadAnswers[Q['type']]>
  /** The row or page now, and from now on whenever a commit has changed it; null when the task is not open here. */
  watch(read: ThreadWatch | ThreadPage, onChange: WatchListener): Promise<WatchedRow | null>
}
