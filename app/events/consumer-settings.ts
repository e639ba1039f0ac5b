import type { TopicPartition } from '../../runtime/index.ts'
import { StreamsConfigError } from '../../state/index.ts'
import type { ConsumableTopic, Consumed } from './consumed.ts'

/** The call of a handler. */
export interface Attempt {
  /** 1, 2, ... */
  readonly attempt: number
  /**
   * Fires when another member may be at this record: the partition was lost, or the handler did not end in the 30 s that a rebalance
   * waits for it.
   */
  readonly signal: AbortSignal
}

export type EventHandler<T extends ConsumableTopic = ConsumableTopic> = (
  record: Consumed<T>,
  attempt: Attempt,
) => Promise<void> | void

/** An attempt that failed, or the last one. */
export interface FailedAttempt extends TopicPartition {
  readonly offset: number
  readonly attempt: number
  /** Value of the header `__streams.errors.reason`. */
  readonly reason: string
  readonly error: unknown
}

export interface ConsumerSettings<T extends ConsumableTopic = ConsumableTopic> {
  readonly groupId: string
  readonly handle: EventHandler<T>
  /**
   * Where a partition begins of which the group has no offset, or one that is gone. Latest: behind the last committed record, and
   * before transactions that are open. The group keeps the place from then on, also when no record comes. Default earliest.
   */
  readonly from?: 'earliest' | 'latest' | undefined
  /** How many records are handled at once, never two of one partition. Default 8. */
  readonly concurrency?: number | undefined
  /** Attempts of a record, and the wait before the second one, ms, which doubles up to maxBackoffMs. Default 5, 200 and 10,000. */
  readonly retry?:
    | {
        readonly attempts?: number | undefined
        readonly backoffMs?: number | undefined
        readonly maxBackoffMs?: number | undefined
      }
    | undefined
  /** Offsets are committed so often while records come, ms. Default 500. */
  readonly commitIntervalMs?: number | undefined
  /** An attempt failed, and another one follows. */
  readonly onRetry?: ((failed: FailedAttempt) => void) | undefined
  /** Records were removed before they were read: retention was shorter than the group was away. */
  readonly onLostRecords?: ((lost: TopicPartition & { readonly from: number; readonly to: number }) => void) | undefined
  /** The record becomes a dead letter. */
  readonly onDeadLetter?: ((failed: FailedAttempt) => void) | undefined
}

/** @throws StreamsConfigError naming the setting */
export function checkSettings({ concurrency, retry }: Pick<ConsumerSettings, 'concurrency' | 'retry'>): void {
  for (const [name, value] of Object.entries({ concurrency, 'retry.attempts': retry?.attempts })) {
    if (value === undefined || (Number.isInteger(value) && value >= 1)) continue
    throw new StreamsConfigError(`${name} must be a whole number, at least 1, not ${value}`)
  }
}
