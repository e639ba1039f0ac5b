import { CommitFailedError, CommitUnknownError, FencedError, ProductionError } from '../../state/ports/errors.ts'
import { partitionKey } from '../../state/ports/topic-partition.ts'
import type { Clock } from '../ports/clock.ts'
import type { CommitRequest, EndPositions, GroupMetadata, LogWriter } from '../ports/log.ts'
import { BrokerError, type MemoryCluster, type ProducerSession } from './cluster.ts'
import { MemoryBatch } from './memory-batch.ts'
import { LostError, type Network } from './network.ts'

export interface MemoryWriterOptions {
  readonly cluster: MemoryCluster
  readonly network: Network
  readonly clock: Clock
  /** Name of the caller, by which the network may cut it off. */
  readonly client: string
  /** null: no transactions (at_least_once). */
  readonly transactionalId: string | null
  /** False: it learns only from the broker's answer that a record is too large. Default true. */
  readonly knowsLimits?: boolean
}

const RETRY_MS = 5
/** Looks for a new generation before a commit fails with the old one. */
const GENERATION_PATIENCE = 20

/**
 * LogWriter on the in-memory cluster, one request at a time:
 * 1. produce, partition by partition, without transactions changelogs last; 2. offsets with member and generation; 3. EndTxn.
 * A refusal of the broker is a ProductionError, and nothing of the commit is visible (without transactions: some may be).
 * A loss before 3 aborts (CommitFailedError); a loss at 3 is unknown (CommitUnknownError). Nothing is sent twice.
 */
export class MemoryWriter implements LogWriter {
  readonly #options: MemoryWriterOptions
  #session: ProducerSession | null = null

  constructor(options: MemoryWriterOptions) {
    this.#options = options
  }

  newBatch(): MemoryBatch {
    const { cluster, knowsLimits = true } = this.#options
    return knowsLimits ? new MemoryBatch((topic) => cluster.maxMessageBytes(topic)) : new MemoryBatch()
  }

  async init(): Promise<void> {
    const { cluster, clock, transactionalId } = this.#options
    if (transactionalId === null) return
    for (;;) {
      try {
        this.#session = await this.#call('init', () => cluster.initProducerId(transactionalId))
        return
      } catch (error) {
        const isRetriable =
          error instanceof LostError || (error instanceof BrokerError && error.error === 'CONCURRENT_TRANSACTIONS')
        if (!isRetriable) throw error
        await clock.sleep(RETRY_MS)
      }
    }
  }

  async commit(request: CommitRequest): Promise<EndPositions> {
    return this.#options.transactionalId === null
      ? await this.#commitPlain(request)
      : await this.#commitTransaction(request)
  }

  async close(): Promise<void> {
    this.#session = null
  }

  async #commitTransaction({ batch, offsets, group }: CommitRequest): Promise<EndPositions> {
    const { cluster } = this.#options
    const session = this.#session
    if (session === null) throw new CommitFailedError('the writer is not initialised')
    const positions = new Map<string, number>()
    try {
      for (const { topic, partition, records } of (batch as MemoryBatch).partitions) {
        const base = await this.#produce(topic, () => cluster.produce(session, { topic, partition }, records))
        positions.set(partitionKey({ topic, partition }), base + records.length)
      }
      if (offsets.length > 0) {
        await this.#commitOffsets(group, (member) => cluster.txnOffsetCommit(session, member, offsets))
      }
    } catch (error) {
      throw this.#failed(error)
    }
    try {
      await this.#call('end', () => cluster.endTxn(session, 'commit'))
    } catch (error) {
      if (error instanceof LostError) throw new CommitUnknownError('the reply to EndTxn was lost', { cause: error })
      throw this.#failed(error)
    }
    return positions
  }

  async #commitPlain({ batch, offsets, group, changelogs }: CommitRequest): Promise<EndPositions> {
    const { cluster } = this.#options
    const positions = new Map<string, number>()
    const partitions = [...(batch as MemoryBatch).partitions]
    const rows = partitions.filter(({ topic }) => changelogs?.has(topic))
    const outputs = partitions.filter(({ topic }) => !changelogs?.has(topic))
    try {
      for (const { topic, partition, records } of [...outputs, ...rows]) {
        const base = await this.#produce(topic, () => cluster.append({ topic, partition }, records))
        positions.set(partitionKey({ topic, partition }), base + records.length)
      }
      if (offsets.length > 0) {
        await this.#commitOffsets(group, (member) => cluster.offsetCommit(member, offsets))
      }
    } catch (error) {
      if (error instanceof ProductionError) throw error
      // Outputs may be there without their offsets: that is what at-least-once means.
      throw new CommitUnknownError('the commit was interrupted', { cause: error })
    }
    return positions
  }

  async #produce(topic: string, operation: () => number): Promise<number> {
    try {
      return await this.#call('produce', operation)
    } catch (error) {
      if (!(error instanceof BrokerError && error.error === 'MESSAGE_TOO_LARGE')) throw error
      throw new ProductionError(topic, `${topic}: ${error.error}`, { cause: error })
    }
  }

  /** The generation is over while the member continues: repeat with the new one as soon as it is known. */
  async #commitOffsets(group: CommitRequest['group'], commit: (member: GroupMetadata) => void): Promise<void> {
    let member = group()
    for (let patience = GENERATION_PATIENCE; ; ) {
      if (member === null) throw new CommitFailedError('the member is no longer in the group')
      const now = member
      try {
        await this.#call('offsets', () => commit(now))
        return
      } catch (error) {
        if (!(error instanceof BrokerError && error.error === 'ILLEGAL_GENERATION')) throw error
        while (patience-- > 0 && group()?.generation === now.generation) await this.#options.clock.sleep(RETRY_MS)
        member = group()
        if (member?.generation === now.generation) throw error
      }
    }
  }

  #failed(error: unknown): Error {
    if (error instanceof BrokerError && error.error === 'PRODUCER_FENCED') {
      return new FencedError(`transactional id ${this.#options.transactionalId} was taken by a newer session`, {
        cause: error,
      })
    }
    if (error instanceof CommitFailedError || error instanceof ProductionError) return error
    return new CommitFailedError(`the commit failed: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }

  async #call<T>(label: string, operation: () => T): Promise<T> {
    const { network, client, clock } = this.#options
    for (;;) {
      try {
        return await network.call(client, label, operation)
      } catch (error) {
        // The markers of the transaction before are still being written: the only answer a client may repeat blindly.
        if (label === 'init' || !(error instanceof BrokerError && error.error === 'CONCURRENT_TRANSACTIONS'))
          throw error
        await clock.sleep(RETRY_MS)
      }
    }
  }
}
