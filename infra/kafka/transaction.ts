import type { CommittedOffset, EndPositions, GroupMetadata } from '../../runtime/ports/log.ts'
import { CommitFailedError, CommitUnknownError } from '../../state/ports/errors.ts'
import { type SendOptions, sendBatch } from './batch-sender.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { call } from './call.ts'
import type { ClusterClient, CoordinatorType } from './cluster-client.ts'
import type { KafkaOutputBatch } from './kafka-output-batch.ts'
import { nextGeneration } from './next-generation.ts'
import { byTopic, firstOffsetError, offsetTopics } from './offset-topics.ts'
import { addOffsetsToTxnV4, addPartitionsToTxnV3, endTxnV4, txnOffsetCommitV4 } from './protocol.ts'
import {
  ErrorCode,
  errorText,
  isCoordinatorMoved,
  isTransportFailure,
  KafkaResponseError,
  messageOf,
} from './protocol-error.ts'
import { Backoff, pause, TryAgain, withRetries } from './retry.ts'
import { endTxnV5, txnOffsetCommitV5 } from './transaction-codecs.ts'

export interface TransactionOptions extends SendOptions {
  readonly transactionalId: string
}

/** Errors that mean: the coordinator is still busy with the previous transaction, or does not know a topic yet. */
const BUSY: ReadonlySet<number> = new Set([ErrorCode.CONCURRENT_TRANSACTIONS, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION])

/** Longest wait between two looks for the markers of the previous transaction, ms. */
const MARKERS_LOOK_MS = 8

/** Every broker knows a new topic within this time; a topic unknown for longer has been deleted. */
const UNKNOWN_TOPIC_MS = 3000

/**
 * One Kafka transaction from begin to end; the steps are those of docs/kafka-client.md. With transaction.version 2
 * step 1 falls away and step 4 gives the next epoch.
 */
export class Transaction {
  readonly #cluster: ClusterClient
  readonly #options: TransactionOptions

  constructor(cluster: ClusterClient, options: TransactionOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  /** Step 1: the coordinator records the members of the transaction. Both requests run at the same time. */
  async begin(batch: KafkaOutputBatch, groupId: string | null): Promise<void> {
    if (this.#options.transactionV2) return
    await settleAll([
      batch.partitions.length > 0 ? this.#addPartitions(batch) : null,
      groupId === null ? null : this.#addOffsets(groupId),
    ])
  }

  /**
   * Steps 2 and 3: records to all leaders and offsets to the group coordinator, at the same time. Right behind another transaction
   * the offsets go first. While that one is being completed, a broker keeps a Produce request for 20 ms or a multiple of it
   * (add.partitions.to.txn.retry.backoff.ms), but it answers TxnOffsetCommit at once.
   */
  async write(
    batch: KafkaOutputBatch,
    offsets: readonly CommittedOffset[],
    group: () => GroupMetadata | null,
  ): Promise<EndPositions> {
    const hasOffsets = offsets.length > 0
    if (hasOffsets && this.#options.session.mayBeCompleting) {
      await this.#commitOffsets(offsets, group)
      return await sendBatch(this.#cluster, batch.partitions, this.#options)
    }
    const sent = sendBatch(this.#cluster, batch.partitions, this.#options)
    await settleAll([sent, hasOffsets ? this.#commitOffsets(offsets, group) : null])
    return sent
  }

  /**
   * Step 4. A request whose answer was lost is not repeated: throws CommitUnknownError. One whose answer says why nothing was
   * decided (coordinator moved, still busy) is repeated, because the coordinator knows producer id and epoch.
   */
  async commit(): Promise<void> {
    const deadline = performance.now() + this.#options.deliveryTimeoutMs
    const backoff = new Backoff(2, 100)
    let undecided = false
    for (;;) {
      const connection = await this.#coordinatorForCommit(undecided)
      let errorCode: number
      try {
        errorCode = await this.#endTxn(connection, true)
      } catch (error) {
        this.#cluster.forgetCoordinator('transaction', this.#options.transactionalId)
        throw new CommitUnknownError(`end of transaction ${this.#options.transactionalId}: ${messageOf(error)}`, {
          cause: error,
        })
      }
      if (errorCode === ErrorCode.NONE) return
      const moved = isCoordinatorMoved(errorCode)
      const refusal = new KafkaResponseError(`end of transaction ${this.#options.transactionalId}`, errorCode)
      if (!moved && errorCode !== ErrorCode.CONCURRENT_TRANSACTIONS) {
        throw undecided ? new CommitUnknownError(refusal.message, { cause: refusal }) : refusal
      }
      if (moved) this.#cluster.forgetCoordinator('transaction', this.#options.transactionalId)
      undecided = true
      if (performance.now() > deadline || this.#cluster.closing.aborted) {
        throw new CommitUnknownError(refusal.message, { cause: refusal })
      }
      await pause(backoff.next(), this.#cluster.closing)
    }
  }

  /** Tries to abort, so that readers need not wait for init() or the timeout. A failure does no harm: init() aborts too. */
  async abort(): Promise<void> {
    const { transactionalId } = this.#options
    await withRetries({ action: `abort ${transactionalId}`, timeoutMs: 2000, signal: this.#cluster.closing }, () =>
      this.#onCoordinator('transaction', transactionalId, async (connection) => {
        const errorCode = await this.#endTxn(connection, false)
        this.#checkTransaction(`abort ${transactionalId}`, errorCode)
      }),
    )
  }

  async #coordinatorForCommit(undecided: boolean): Promise<BrokerConnection> {
    const { transactionalId } = this.#options
    try {
      return await this.#cluster.coordinator('transaction', transactionalId)
    } catch (error) {
      const message = `end of transaction ${transactionalId} could not be sent: ${messageOf(error)}`
      this.#cluster.forgetCoordinator('transaction', transactionalId)
      throw undecided
        ? new CommitUnknownError(message, { cause: error })
        : new CommitFailedError(message, { cause: error })
    }
  }

  async #endTxn(connection: BrokerConnection, committed: boolean): Promise<number> {
    const { session, transactionalId, transactionV2 } = this.#options
    const producerId = BigInt(session.producerId)
    if (!transactionV2) {
      const answer = await call(endTxnV4.api, connection, transactionalId, producerId, session.producerEpoch, committed)
      return answer.errorCode
    }
    const answer = await call(endTxnV5, connection, transactionalId, producerId, session.producerEpoch, committed)
    if (answer.errorCode === ErrorCode.NONE) session.moveOn(answer.producerId, answer.producerEpoch)
    return answer.errorCode
  }

  #addPartitions(batch: KafkaOutputBatch): Promise<void> {
    const { session, transactionalId } = this.#options
    const topics = byTopic(batch.partitions, ({ partition }) => partition)
    return this.#retrying(
      `add partitions to ${transactionalId}`,
      'transaction',
      transactionalId,
      async (connection) => {
        const answer = await call(addPartitionsToTxnV3.api, connection, [
          {
            transactionalId,
            producerId: BigInt(session.producerId),
            producerEpoch: session.producerEpoch,
            verifyOnly: false,
            topics,
          },
        ])
        for (const { topicResults } of answer.resultsByTransaction) {
          for (const { name, resultsByPartition } of topicResults) {
            for (const { partitionIndex, partitionErrorCode } of resultsByPartition) {
              this.#checkTransaction(`add ${name}-${partitionIndex} to ${transactionalId}`, partitionErrorCode)
            }
          }
        }
      },
    )
  }

  #addOffsets(groupId: string): Promise<void> {
    const { session, transactionalId } = this.#options
    const action = `add offsets of ${groupId} to ${transactionalId}`
    return this.#retrying(action, 'transaction', transactionalId, async (connection) => {
      const producerId = BigInt(session.producerId)
      const answer = await call(
        addOffsetsToTxnV4.api,
        connection,
        transactionalId,
        producerId,
        session.producerEpoch,
        groupId,
      )
      this.#checkTransaction(action, answer.errorCode)
    })
  }

  /**
   * All offsets in one request. When the group's generation moves on while the transaction is open and the member
   * is part of the new one, the same offsets go again with that, in the same transaction.
   */
  async #commitOffsets(offsets: readonly CommittedOffset[], group: () => GroupMetadata | null): Promise<void> {
    const topics = offsetTopics(offsets)
    const limits = { deadline: performance.now() + this.#options.deliveryTimeoutMs, closing: this.#cluster.closing }
    let member = group()
    for (;;) {
      if (member === null) throw new CommitFailedError('the member has lost its tasks: offsets cannot be committed')
      const errorCode = await this.#txnOffsetCommit(member, topics)
      if (errorCode === ErrorCode.NONE) return
      const next = await nextGeneration(member, errorCode, group, limits)
      if (next === null) throw new KafkaResponseError(`commit offsets of ${member.groupId}`, errorCode)
      member = next
    }
  }

  #txnOffsetCommit(member: GroupMetadata, topics: ReturnType<typeof offsetTopics>): Promise<number> {
    const { session, transactionalId, transactionV2 } = this.#options
    const { groupId, generation, memberId, groupInstanceId } = member
    const knownBy = performance.now() + UNKNOWN_TOPIC_MS
    return this.#retrying(`commit offsets of ${groupId}`, 'group', groupId, async (connection) => {
      const answer = await call(
        transactionV2 ? txnOffsetCommitV5 : txnOffsetCommitV4.api,
        connection,
        transactionalId,
        groupId,
        BigInt(session.producerId),
        session.producerEpoch,
        generation,
        memberId,
        groupInstanceId,
        topics,
      )
      const errorCode = firstOffsetError(answer)
      this.#cluster.checkCoordinator('group', groupId, errorCode)
      const isDeleted = errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION && performance.now() > knownBy
      if (BUSY.has(errorCode) && !isDeleted) {
        throw busy(`commit offsets of ${groupId}`, errorCode)
      }
      return errorCode
    })
  }

  /** Throws TryAgain, KafkaResponseError or nothing. */
  #checkTransaction(action: string, errorCode: number): void {
    if (errorCode === ErrorCode.NONE) return
    this.#cluster.checkCoordinator('transaction', this.#options.transactionalId, errorCode)
    if (BUSY.has(errorCode)) throw busy(action, errorCode)
    throw new KafkaResponseError(action, errorCode)
  }

  #retrying<T>(
    action: string,
    type: CoordinatorType,
    key: string,
    attempt: (connection: BrokerConnection) => Promise<T>,
  ): Promise<T> {
    const limits = { action, timeoutMs: this.#options.deliveryTimeoutMs, minDelayMs: 1, maxDelayMs: 200 }
    return withRetries({ ...limits, signal: this.#cluster.closing }, () => this.#onCoordinator(type, key, attempt))
  }

  async #onCoordinator<T>(
    type: CoordinatorType,
    key: string,
    attempt: (connection: BrokerConnection) => Promise<T>,
  ): Promise<T> {
    try {
      return await attempt(await this.#cluster.coordinator(type, key))
    } catch (error) {
      if (isTransportFailure(error)) this.#cluster.forgetCoordinator(type, key)
      throw error
    }
  }
}

/** Only the markers of a transaction are worth a look every few milliseconds. */
function busy(action: string, errorCode: number): TryAgain {
  const maxDelayMs = errorCode === ErrorCode.CONCURRENT_TRANSACTIONS ? MARKERS_LOOK_MS : Number.POSITIVE_INFINITY
  return new TryAgain(`${action}: ${errorText(errorCode)}`, { maxDelayMs })
}

/** Waits for all, even if one fails: no request of a transaction may be in flight when it is ended. */
async function settleAll(promises: ReadonlyArray<Promise<unknown> | null>): Promise<void> {
  const outcomes = await Promise.allSettled(promises)
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}
