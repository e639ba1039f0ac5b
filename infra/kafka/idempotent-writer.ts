import { offsetCommitV9 } from '@platformatic/kafka'
import type { CommitRequest, CommittedOffset, EndPositions, GroupMetadata, LogWriter } from '../../runtime/ports/log.ts'
import { CommitFailedError, CommitUnknownError, FencedError, StreamsError } from '../../state/ports/errors.ts'
import { sendBatch } from './batch-sender.ts'
import { call } from './broker-connections.ts'
import { ClusterClient } from './cluster-client.ts'
import type { Compression } from './compression.ts'
import type { KafkaConnectionConfig } from './kafka-config.ts'
import { BufferPool, KafkaOutputBatch } from './kafka-output-batch.ts'
import { firstOffsetError, offsetTopics } from './offset-topics.ts'
import { initIdempotentSession } from './producer-init.ts'
import type { ProducerSession } from './producer-session.ts'
import {
  ErrorCode,
  isHopeless,
  isTransportFailure,
  KafkaFatalError,
  KafkaResponseError,
  messageOf,
} from './protocol-error.ts'
import { withRetries } from './retry.ts'

export interface IdempotentWriterOptions {
  readonly compression: Compression
  readonly maxBatchBytes: number
  readonly deliveryTimeoutMs: number
}

/*
 * LogWriter without transactions (at_least_once, and plain producing with no offsets).
 * 1. Offsets are committed only after every record is acknowledged by all in-sync replicas.
 * 2. Records of a failed commit may be visible, so its errors are CommitUnknownError - except when nothing was sent.
 */
export class IdempotentWriter implements LogWriter {
  readonly #cluster: ClusterClient
  readonly #options: IdempotentWriterOptions
  readonly #pool = new BufferPool()
  #session: ProducerSession | null = null
  #committing: Promise<EndPositions> | null = null

  constructor(config: KafkaConnectionConfig, options: IdempotentWriterOptions) {
    this.#cluster = new ClusterClient(config)
    this.#options = options
  }

  async init(): Promise<void> {
    this.#session = null
    this.#session = await initIdempotentSession(this.#cluster)
  }

  newBatch(): KafkaOutputBatch {
    return new KafkaOutputBatch(this.#options.maxBatchBytes, this.#pool)
  }

  async commit(request: CommitRequest): Promise<EndPositions> {
    if (this.#committing) throw new StreamsError('CONFIG', 'commits must not overlap')
    this.#committing = this.#commit(request)
    try {
      return await this.#committing
    } finally {
      this.#committing = null
      if (request.batch instanceof KafkaOutputBatch) request.batch.release()
    }
  }

  /** Waits for a commit in flight. */
  async close(): Promise<void> {
    try {
      await this.#committing
    } catch {
      // The caller of commit() has this error already.
    }
    this.#session = null
    await this.#cluster.close()
  }

  async #commit({ batch, offsets, group }: CommitRequest): Promise<EndPositions> {
    if (!(batch instanceof KafkaOutputBatch)) throw new StreamsError('CONFIG', 'the batch is of another writer')
    const session = this.#session
    if (!session) throw new CommitFailedError('the writer is not initialised')
    try {
      const ends = await sendBatch(this.#cluster, batch, {
        session,
        transactionalId: null,
        transactionV2: false,
        deliveryTimeoutMs: this.#options.deliveryTimeoutMs,
        compression: this.#options.compression,
      })
      if (offsets.length > 0) await this.#commitOffsets(offsets, group())
      return ends
    } catch (error) {
      this.#session = null
      throw failure(error)
    }
  }

  async #commitOffsets(offsets: readonly CommittedOffset[], member: GroupMetadata | null): Promise<void> {
    if (member === null) throw new CommitUnknownError('the member has lost its tasks: offsets cannot be committed')
    const { groupId, generation, memberId, groupInstanceId } = member
    const topics = offsetTopics(offsets)
    const action = `commit offsets of ${groupId}`
    const timeoutMs = this.#options.deliveryTimeoutMs
    await withRetries({ action, timeoutMs, maxDelayMs: 200, signal: this.#cluster.closing }, async () => {
      let errorCode: number
      try {
        const connection = await this.#cluster.coordinator('group', groupId)
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
        if (isTransportFailure(error)) this.#cluster.forgetCoordinator('group', groupId)
        throw error
      }
      this.#cluster.checkCoordinator('group', groupId, errorCode)
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
