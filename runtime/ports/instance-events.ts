import type { RecordDescription } from '../../state/ports/errors.ts'
import type { BrokerReach, InstanceState, RestoreProgress } from './instance.ts'
import type { TopicPartition } from './log.ts'

/*
 * Events of an instance and its stream threads, for the log. A new kind of event is added here and in infra/logging/app-log.ts
 * (the compiler insists); it crosses the border of a worker like all others.
 */

export type ThreadEvent =
  /** recovered: a failure was repaired. traces-lost: spans could not be delivered. `tasks`: the affected tasks. */
  | {
      readonly type: 'recovered' | 'traces-lost' | 'listener-failed'
      readonly error: Error
      readonly tasks?: readonly string[]
    }
  /** Progress of the restore of an active task's store. */
  | { readonly type: 'restore'; readonly restore: RestoreEvent }
  /** A commit that handled bad records has settled. */
  | { readonly type: 'bad-records'; readonly bad: BadRecords }
  | { readonly type: 'input-lost'; readonly lost: LostInput }
  /** Comes once per thread and topic. */
  | { readonly type: 'misplaced-keys'; readonly keys: MisplacedKeys }
  /** The number of assigned tasks that are not open yet may have changed. A worker's thread hears it, the log does not. */
  | { readonly type: 'opening'; readonly left: number }

export type InstanceEvent =
  | Exclude<ThreadEvent, { readonly type: 'opening' }>
  /** The start waits for brokers: told after some seconds, and then from time to time. `reason`: why the last attempt failed. */
  | {
      readonly type: 'brokers-silent'
      readonly brokers: readonly string[]
      readonly isTls: boolean
      readonly action: string
      readonly waitedMs: number
      readonly reason: string | null
    }
  /** Other brokers are silent than before. */
  | { readonly type: 'broker-reach'; readonly reach: BrokerReach }
  /** Comes once for each change. */
  | { readonly type: 'state'; readonly from: InstanceState; readonly to: InstanceState }
  /** No task of that id was here for STATE_CLEANUP_DELAY_MS. */
  | { readonly type: 'state-removed'; readonly taskId: string }
  | { readonly type: 'topic-notice'; readonly notice: TopicNotice }

export type ThreadListener = (event: ThreadEvent) => void

/** @param thread index of the stream thread that reports it; undefined for the instance */
export type InstanceListener = (event: InstanceEvent, thread?: number) => void

/**
 * Progress of the restore of one store. wiped: its position was not in the changelog. stale: it was away for longer than the
 * changelog keeps deletes, and is wiped, too.
 */
export interface RestoreEvent extends RestoreProgress {
  readonly type: 'start' | 'progress' | 'end' | 'wiped' | 'stale'
  readonly taskId: string
  /** The changelog. */
  readonly topic: string
  readonly elapsedMs: number
}

/** A record that is no valid input, or cannot be processed, and that a settled commit has handled. */
export interface BadRecord extends TopicPartition {
  readonly taskId: string
  readonly offset: number
  readonly description: RecordDescription
  readonly outcome: 'dead-letter' | 'dropped'
  /** Short, as in dead_letters_total. */
  readonly reason: string
  readonly message: string
}

/** The bad records of one epoch: the first few, and how many more there were. */
export interface BadRecords {
  readonly first: readonly BadRecord[]
  readonly more: number
}

/** The committed offset of a source partition is not in its log: some input was not processed, or may be processed again. */
export interface LostInput extends TopicPartition {
  readonly taskId: string
  /** The committed offset. */
  readonly committed: number
  /** Position where processing continues: the first record that is still there. */
  readonly position: number
  /**
   * The number of offsets that were removed before they were processed (by retention, say). It is an upper bound of the records,
   * because transaction markers take offsets, too. 0: unknown, because the log ends before the committed offset (the topic was
   * created again, or truncated).
   */
  readonly records: number
}

/** Records of an input topic lie in other partitions than those of their keys: rows of one key may be in several tasks. */
export interface MisplacedKeys {
  readonly topic: string
  /** A partition with such records, and the first of their offsets. */
  readonly partition: number
  readonly offset: number
  readonly partitions: number
  /** The partitioner that the producer seems to use. */
  readonly likely: string
}

/** A change to a topic at the start, or one that could not be made. */
export interface TopicNotice {
  /** `limited`: topics of others refuse records that we may write there. `shared`: another application may write these topics, too. */
  readonly type: 'changed' | 'refused' | 'limited' | 'shared'
  readonly topics: readonly string[]
  readonly detail: string
}
