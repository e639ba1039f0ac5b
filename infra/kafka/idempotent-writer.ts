import type { CommitRequest, CommittedOffset, EndPositions, GroupMetadata } from '../../runtime/ports/log.ts'
import { CommitUnknownError, FencedError } from '../../state/ports/errors.ts'
import { sendBatch } from './batch-sender.ts'
import { call } from './call.ts'
import type { KafkaOutputBatch } from './kafka-output-batch.ts'
import { KafkaWriter } from './kafka-writer.ts'
import { nextGeneration } from './next-generation.ts'
import { firstOffsetError, offsetTopics } from './offset-topics.ts'
import { initIdempotentSession } from './producer-init.ts'
import type { ProducerSession } from './producer-session.ts'
import { offsetCommitV9 } from './protocol.ts'
import {
  ErrorCode,
  isHopeless,
  isTransportFailure,
  KafkaFatalError,
  KafkaResponseError,
  messageOf,
} from './protocol-error.ts'
import { withRetries } from './retry.ts'

/*
 * LogWriter without transactions (at_least_once, and plain producing with no offsets).
 * 1. Offsets are committed only after every record is acknowledged by all in-sync replicas.
 * 2. Changelogs are written only after all other records are acknowledged: a state restored after a crash in between must not say
 *    that an output was made which never was.
 * 3. Records of a failed commit may be visible, so its errors are CommitUnknownError.
 */
export class IdempotentWriter extends KafkaWriter {
  protected override newSession(): Promise<ProducerSession> {
    return initIdempotentSession(this.cluster)
  }

  protected override async commitWith(
    session: ProducerSession,
    batch: KafkaOutputBatch,
    { offsets, group, changelogs }: CommitRequest,
  ): Promise<EndPositions> {
    const { deliveryTimeoutMs, compression } = this.limits
    const sending = { session, transactionalId: null, transactionV2: false, deliveryTimeoutMs, compression }
    try {
      const rows = batch.partitions.filter(({ topic }) => changelogs?.has(topic))
      const outputs = batch.partitions.filter(({ topic }) => !changelogs?.has(topic))
      const outputEnds = await sendBatch(this.cluster, outputs, sending)
      const rowEnds = await sendBatch(this.cluster, rows, sending)
      if (offsets.length > 0) await this.#commitOffsets(offsets, group)
      return new Map([...outputEnds, ...rowEnds])
    } catch (error) {
      throw failure(error)
    }
  }

  /** Repeats when the group's generation moved on and the member is part of the new one. */
  async #commitOffsets(offsets: readonly CommittedOffset[], group: () => GroupMetadata | null): Promise<void> {
    const limits = { deadline: performance.now() + this.limits.deliveryTimeoutMs, closing: this.cluster.closing }
    let member = group()
    for (;;) {
      if (member === null) throw new CommitUnknownError('the member has lost its tasks: offsets cannot be committed')
      try {
        await this.#send(offsets, member)
        return
      } catch (error) {
        const code = error instanceof KafkaResponseError ? error.errorCode : ErrorCode.NONE
        const next = await nextGeneration(member, code, group, limits)
        if (next === null) throw error
        member = next
      }
    }
  }

  async #send(offsets: readonly CommittedOffset[], member: GroupMetadata): Promise<void> {
    const { groupId, generation, memberId, groupInstanceId } = member
    const topics = offsetTopics(offsets)
    const action = `commit offsets of ${groupId}`
    const timeoutMs = this.limits.deliveryTimeoutMs
    await withRetries({ action, timeoutMs, maxDelayMs: 200, signal: this.cluster.closing }, async () => {
      let errorCode: number
      try {
        const connection = await this.cluster.coordinator('group', groupId)
        const answer = await call(
          offsetCommitV9.api,
          connection,
          groupId,
          generation,
          memberId,
          groupInstanceId,
          topics,
        )
        errorCode = firstOffsetError(answer)
      } catch (error) {
        if (isTransportFailure(error)) this.cluster.forgetCoordinator('group', groupId)
        throw error
      }
      this.cluster.checkCoordinator('group', groupId, errorCode)
      if (errorCode !== ErrorCode.NONE) throw new KafkaResponseError(action, errorCode)
    })
  }
}

function failure(error: unknown): unknown {
  if (error instanceof CommitUnknownError) return error
  const code = error instanceof KafkaResponseError ? error.errorCode : ErrorCode.NONE
  if (code === ErrorCode.FENCED_INSTANCE_ID) return new FencedError(messageOf(error), { cause: error })
  if (isHopeless(code)) return new KafkaFatalError(messageOf(error), { cause: error })
  if (error instanceof KafkaResponseError || isTransportFailure(error)) {
    return new CommitUnknownError(messageOf(error), { cause: error })
  }
  return error
}
