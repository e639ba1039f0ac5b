import type { CommitRequest, EndPositions } from '../../runtime/ports/log.ts'
import { CommitFailedError, CommitUnknownError, FencedError } from '../../state/ports/errors.ts'
import type { KafkaConnectionConfig } from './kafka-config.ts'
import type { KafkaOutputBatch } from './kafka-output-batch.ts'
import { KafkaWriter, type SendLimits } from './kafka-writer.ts'
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

export interface TransactionalWriterOptions extends SendLimits {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  readonly transactionV2: 'auto' | 'never'
}

const FENCED: ReadonlySet<number> = new Set([
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
])

/*
 * LogWriter with one Kafka transaction per commit (exactly_once_v2).
 * 1. Whatever fails before EndTxn(commit) has been sent leaves nothing visible: CommitFailedError or FencedError.
 * 2. From then on only the coordinator's own answer counts; without it: CommitUnknownError.
 */
export class TransactionalWriter extends KafkaWriter {
  readonly #options: TransactionalWriterOptions
  #transactionV2 = false

  constructor(config: KafkaConnectionConfig, options: TransactionalWriterOptions) {
    super(config, options)
    this.#options = options
  }

  protected override async newSession(): Promise<ProducerSession> {
    const { transactionalId, transactionTimeoutMs, transactionV2 } = this.#options
    this.#transactionV2 = transactionV2 === 'auto' && (await supportsTransactionV2(this.cluster))
    return initTransactionalSession(this.cluster, transactionalId, transactionTimeoutMs)
  }

  protected override async commitWith(
    session: ProducerSession,
    batch: KafkaOutputBatch,
    { offsets, group }: CommitRequest,
  ): Promise<EndPositions> {
    if (batch.records === 0 && offsets.length === 0) return new Map()
    const member = offsets.length > 0 ? group() : null
    if (offsets.length > 0 && !member) {
      throw new CommitFailedError('the member has lost its tasks: offsets cannot be committed')
    }
    const { transactionalId, deliveryTimeoutMs, compression } = this.#options
    const sending = { session, transactionalId, transactionV2: this.#transactionV2, deliveryTimeoutMs, compression }
    const transaction = new Transaction(this.cluster, sending)
    try {
      await transaction.begin(batch, member?.groupId ?? null)
      const ends = await transaction.write(batch, offsets, group)
      await transaction.commit()
      return ends
    } catch (error) {
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
      byTimeout = await wasAbortedByTimeout(this.cluster, transactionalId, session)
    } catch {
      // Not known: counts as fenced, which is the careful answer.
    }
    return byTimeout
      ? new CommitFailedError(`transaction of ${transactionalId} was aborted after its timeout`, { cause: error })
      : new FencedError(`${transactionalId} was taken over by a newer session: ${messageOf(error)}`, { cause: error })
  }
}
