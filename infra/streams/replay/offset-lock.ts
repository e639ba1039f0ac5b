import type { CommittedOffset, GroupMetadata, LogWriter, OutputBatch } from '../../../runtime/ports/log.ts'
import { markReplayed, markUnfinished } from '../../../runtime/replay/replay-state.ts'
import { StreamsError } from '../../../state/ports/errors.ts'
import { ErrorCode, KafkaResponseError } from '../../kafka/protocol-error.ts'

/** Instances of the application run. Stop them first (or replay beside them with --shadow). */
export class InstancesRunError extends StreamsError {
  constructor(applicationId: string, who: string) {
    super('INSTANCES_RUN', `${applicationId} is running (${who}): stop all instances first, or use --shadow`)
  }
}

export interface OffsetLockOptions {
  readonly applicationId: string
  /** When this replay began, epoch ms. */
  readonly epoch: number
  /** It goes back in time, or an earlier one did. */
  readonly isRewound: boolean
  readonly committed: readonly CommittedOffset[]
  /** Commits offsets at once. */
  readonly plain: LogWriter
  /** Commits records and offsets in transactions, under an id that is the replay's alone. */
  readonly transactional: LogWriter
}

/*
 * The mark in the committed offsets that keeps the application from starting on a half-done replay. Whoever opens a task reads
 * those offsets first, so nobody passes it.
 *
 * 1. Set by a plain commit without a member, which the coordinator takes from an empty group only: nobody runs when it is there.
 * 2. Removed by the transaction that ends the replay, with its last records, or by release() while nothing has been written.
 * 3. A process killed in between leaves it. The next replay begins again with the same offsets, fences the transaction of the
 *    dead one, and finds right what was written already.
 */
export class OffsetLock {
  readonly #options: OffsetLockOptions
  readonly #group: () => GroupMetadata

  constructor(options: OffsetLockOptions) {
    this.#options = options
    const group = { groupId: options.applicationId, memberId: '', generation: -1, groupInstanceId: null }
    this.#group = () => group
  }

  /** Throws InstancesRunError. */
  async acquire(): Promise<void> {
    const { committed, epoch, transactional } = this.#options
    await transactional.init()
    await this.#commitPlain(committed.map((offset) => markUnfinished(offset, epoch, 'replay')))
  }

  /** Restores the offsets as they were before the lock. Allowed only while nothing has been written. */
  release(): Promise<void> {
    return this.#commitPlain(this.#options.committed)
  }

  newBatch(): OutputBatch {
    return this.#options.transactional.newBatch()
  }

  async write(batch: OutputBatch): Promise<void> {
    await this.#options.transactional.commit({ batch, offsets: [], group: this.#group })
  }

  /** Commits the last records with the offsets to continue from. */
  async finish(batch: OutputBatch, offsets: readonly CommittedOffset[]): Promise<void> {
    const { transactional } = this.#options
    const marked = offsets.map((offset) => markReplayed(offset, this.#options))
    await transactional.commit({ batch, offsets: marked, group: this.#group })
  }

  async #commitPlain(offsets: readonly CommittedOffset[]): Promise<void> {
    const { plain, applicationId } = this.#options
    await plain.init()
    try {
      await plain.commit({ batch: plain.newBatch(), offsets, group: this.#group })
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined
      const isRefused = cause instanceof KafkaResponseError && cause.errorCode === ErrorCode.UNKNOWN_MEMBER_ID
      throw isRefused ? new InstancesRunError(applicationId, 'one has just joined the group') : error
    }
  }
}
