import type { CommitRequest, EndPositions, LogWriter } from '../../runtime/ports/log.ts'
import { CommitFailedError, CommitUnknownError, FencedError, StreamsError } from '../../state/ports/errors.ts'
import { ClusterClient } from './cluster-client.ts'
import type { Compression } from './compression.ts'
import type { KafkaConnectionConfig } from './kafka-config.ts'
import { BufferPool, KafkaOutputBatch } from './kafka-output-batch.ts'
import { initTransactionalSession, supportsTransactionV2, wasAbortedByTimeout } from './producer-init.ts'
import type { ProducerSession } from './producer-session.ts'
import {
  ErrorCode,
  isHopeless,
  isTransportFailure,
  KafkaFatalError,
  KafkaResponseError,
  messageOf,
} from './protocol-error.ts'
import { Transaction } from './transaction.ts'

export interface TransactionalWriterOptions {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  readonly compression: Compression
  readonly maxBatchBytes: number
  readonly deliveryTimeoutMs: number
  readonly transactionV2: 'auto' | 'never'
}

const FENCED: ReadonlySet<number> = new Set([
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
])

/*
 * LogWriter with one Kafka transaction per commit (exactly_once_v2).
 * 1. A session exists exactly between a successful init() and the first failure: after any error nothing is sent
 *    under the old producer epoch, and init() makes a new one (design invariant 3).
 * 2. Commits never overlap.
 * 3. Whatever fails before EndTxn(commit) has been sent leaves nothing visible: CommitFailedError or FencedError.
 *    From then on only the coordinator's own answer counts; without it: CommitUnknownError.
 */
export class TransactionalWriter implements LogWriter {
  readonly #cluster: ClusterClient
  readonly #options: TransactionalWriterOptions
  readonly #pool = new BufferPool()
  #session: ProducerSession | null = null
  #transactionV2 = false
  #committing: Promise<EndPositions> | null = null

  constructor(config: KafkaConnectionConfig, options: TransactionalWriterOptions) {
    this.#cluster = new ClusterClient(config)
    this.#options = options
  }

  async init(): Promise<void> {
    this.#session = null
    const { transactionalId, transactionTimeoutMs, transactionV2 } = this.#options
    this.#transactionV2 = transactionV2 === 'auto' && (await supportsTransactionV2(this.#cluster))
    this.#session = await initTransactionalSession(this.#cluster, transactionalId, transactionTimeoutMs)
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
    if (batch.records === 0 && offsets.length === 0) return new Map()
    const member = offsets.length > 0 ? group() : null
    if (offsets.length > 0 && !member) {
      this.#session = null
      throw new CommitFailedError('the member has lost its tasks: offsets cannot be committed')
    }

    const { transactionalId, deliveryTimeoutMs, compression } = this.#options
    const sending = { session, transactionalId, transactionV2: this.#transactionV2, deliveryTimeoutMs, compression }
    const transaction = new Transaction(this.#cluster, sending)
    try {
      await transaction.begin(batch, member?.groupId ?? null)
      const ends = await transaction.write(batch, offsets, group)
      await transaction.commit()
      return ends
    } catch (error) {
      this.#session = null
      throw await this.#failure(error, transaction, session)
    }
  }

  /** Names the error by what the caller must do, and aborts what can still be aborted. */
  async #failure(error: unknown, transaction: Transaction, session: ProducerSession): Promise<unknown> {
    if (error instanceof CommitUnknownError) return error
    const code = error instanceof KafkaResponseError ? error.errorCode : ErrorCode.NONE
    if (FENCED.has(code)) return this.#fenced(error, session)
    try {
      await transaction.abort()
    } catch {
      // init() aborts it, or the coordinator's timeout.
    }
    if (code === ErrorCode.FENCED_INSTANCE_ID) return new FencedError(messageOf(error), { cause: error })
    if (isHopeless(code)) return new KafkaFatalError(messageOf(error), { cause: error })
    if (error instanceof KafkaResponseError || isTransportFailure(error)) {
      return new CommitFailedError(messageOf(error), { cause: error })
    }
    return error
  }

  async #fenced(error: unknown, session: ProducerSession): Promise<Error> {
    const { transactionalId } = this.#options
    let byTimeout = false
    try {
      byTimeout = await wasAbortedByTimeout(this.#cluster, transactionalId, session)
    } catch {
      // Not known: counts as fenced, which is the careful answer.
    }
    return byTimeout
      ? new CommitFailedError(`transaction of ${transactionalId} was aborted after its timeout`, { cause: error })
      : new FencedError(`${transactionalId} was taken over by a newer session: ${messageOf(error)}`, { cause: error })
  }
}
