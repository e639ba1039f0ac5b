import type { CommitRequest, EndPositions, LogWriter } from '../../runtime/ports/log.ts'
import { deferred } from '../../state/deferred.ts'
import { CommitFailedError, StreamsConfigError } from '../../state/ports/errors.ts'
import { BufferPool } from './buffer-pool.ts'
import { ClusterClient } from './cluster-client.ts'
import type { Compression } from './compression.ts'
import type { KafkaConnectionConfig } from './kafka-config.ts'
import { KafkaOutputBatch } from './kafka-output-batch.ts'
import type { ProducerSession } from './producer-session.ts'
import { KafkaConnectionError } from './protocol-error.ts'
import { topicLimits } from './topic-settings.ts'

export interface SendLimits {
  readonly compression: Compression
  /** Most bytes of one record batch before compression. */
  readonly maxBatchBytes: number
  /** Memory kept for the next commits, bytes. */
  readonly poolBytes?: number | undefined
  /** How long records and offsets of one commit may be tried, ms. */
  readonly deliveryTimeoutMs: number
  /** Topics whose limits init() asks for. */
  readonly topics: readonly string[]
}

/** The longest time that a timer of Node takes. */
const LONGEST_TIMER_MS = 2_147_483_647

/*
 * The common part of both writers: the life of a producer session around commits.
 * 1. A session exists exactly between a successful init() and the first failure: after any error nothing is sent
 *    under the old producer epoch, and init() makes a new one (architecture 3).
 * 2. Commits never overlap.
 * 3. init() asks for the topics' limits, so they are current again after a broker refused a batch. The broker alone judges
 *    compressed batches.
 * 4. The memory of a batch goes back to the pool when its commit has settled, either way.
 */
export abstract class KafkaWriter implements LogWriter {
  protected readonly cluster: ClusterClient
  protected readonly limits: SendLimits
  readonly #pool: BufferPool
  #session: ProducerSession | null = null
  #topicLimits: ReadonlyMap<string, number> = new Map()
  #committing: Promise<EndPositions> | null = null

  constructor(config: KafkaConnectionConfig, limits: SendLimits) {
    this.cluster = new ClusterClient(config)
    this.limits = limits
    this.#pool = new BufferPool(limits.poolBytes)
  }

  async init(timeoutMs = LONGEST_TIMER_MS): Promise<void> {
    this.#session = null
    const late = deferred<never>()
    const fail = (): void =>
      late.reject(new KafkaConnectionError(`no session within ${timeoutMs} ms: no broker answered`))
    const timer = setTimeout(fail, Math.min(timeoutMs, LONGEST_TIMER_MS))
    try {
      // An answer that comes too late is dropped: the next init() makes another session.
      this.#session = await Promise.race([this.#open(), late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  set poolBytes(bytes: number) {
    this.#pool.maxBytes = bytes
  }

  newBatch(): KafkaOutputBatch {
    const { maxBatchBytes } = this.limits
    return new KafkaOutputBatch({ maxBatchBytes, topics: this.#topicLimits }, this.#pool)
  }

  async commit(request: CommitRequest): Promise<EndPositions> {
    const { batch } = request
    if (this.#committing) throw new StreamsConfigError('commits must not overlap')
    if (!(batch instanceof KafkaOutputBatch))
      throw new StreamsConfigError('the batch was made by another kind of writer')
    const session = this.#session
    if (!session) throw new CommitFailedError('the writer is not initialised')
    this.#committing = this.commitWith(session, batch, request)
    try {
      return await this.#committing
    } catch (error) {
      this.#session = null
      throw error
    } finally {
      this.#committing = null
      batch.release()
    }
  }

  /** Waits for nothing: a commit in flight fails, or nobody knows. */
  async abandon(): Promise<void> {
    await this.cluster.close()
  }

  /** Waits for a commit in flight. */
  async close(): Promise<void> {
    try {
      await this.#committing
    } catch {
      // The caller of commit() has this error already.
    }
    this.#session = null
    await this.cluster.close()
  }

  async #open(): Promise<ProducerSession> {
    const { compression, topics } = this.limits
    if (compression === 'none') this.#topicLimits = await topicLimits(this.cluster, topics)
    return await this.newSession()
  }

  protected abstract newSession(): Promise<ProducerSession>
  protected abstract commitWith(
    session: ProducerSession,
    batch: KafkaOutputBatch,
    request: CommitRequest,
  ): Promise<EndPositions>
}
