import type { BrokerReach } from '../../runtime/ports/instance.ts'
import { BrokerWatch } from './broker-watch.ts'
import { ClusterClient } from './cluster-client.ts'
import type { Compression } from './compression.ts'
import { GroupRequests } from './group-requests.ts'
import { IdempotentWriter } from './idempotent-writer.ts'
import { KafkaAdmin, type KafkaAdminOptions } from './kafka-admin.ts'
import type { KafkaConnectionConfig } from './kafka-config.ts'
import { KafkaMembership, type KafkaMembershipOptions } from './kafka-membership.ts'
import { KafkaReader, type KafkaReaderOptions } from './kafka-reader.ts'
import { KafkaWriter } from './kafka-writer.ts'
import { initTransactionalSession } from './producer-init.ts'
import { TransactionalWriter } from './transactional-writer.ts'
import { LIST_TIMEOUT_MS, transactionsInProgress } from './transactions-in-progress.ts'

export interface KafkaWriterOptions {
  /** null: no transactions (at_least_once, or plain producing). */
  readonly transactionalId: string | null
  /** After this time the coordinator aborts an open transaction by itself, ms. Default 30 s. */
  readonly transactionTimeoutMs?: number
  /** Default DEFAULT_COMPRESSION. */
  readonly compression?: Compression
  /** Most bytes of one record batch before compression. Default 1,000,000; less where a topic's max.message.bytes is smaller. */
  readonly maxBatchBytes?: number
  /** Memory kept between commits, bytes. Default 32 MiB. */
  readonly poolBytes?: number
  /** Time limit for the delivery of one commit's records and offsets, ms. Default 30 s. */
  readonly deliveryTimeoutMs?: number
  /** Topics that will be written: a record larger than one of them allows is refused before it is sent. Default none. */
  readonly topics?: readonly string[]
  /** Default auto: transaction.version 2 where the cluster has it, the older protocol elsewhere (docs/decisions). */
  readonly transactionV2?: 'auto' | 'never'
}

/** See docs/decisions: measured against zstd, lz4, snappy and gzip. */
export const DEFAULT_COMPRESSION: Compression = 'none'

/** KafkaMembershipOptions with defaults. */
export interface MembershipOptions
  extends Omit<KafkaMembershipOptions, 'beforeAssigned' | 'sessionTimeoutMs' | 'timing'> {
  /** Default: fences their transactional ids. */
  readonly beforeAssigned?: KafkaMembershipOptions['beforeAssigned']
  /** Default 10 s. */
  readonly sessionTimeoutMs?: number
  /** How long a rebalance waits for members to release tasks and join again, ms. Default 60 s. */
  readonly rebalanceTimeoutMs?: number
}

interface Closable {
  close(): Promise<void>
}

/** Everything this process has open at one cluster. Each part has connections of its own. */
export class KafkaCluster {
  readonly #config: KafkaConnectionConfig
  readonly #open = new Set<Closable>()

  constructor(config: KafkaConnectionConfig) {
    this.#config = config
  }

  reader(options: KafkaReaderOptions = {}): KafkaReader {
    return this.#keep(new KafkaReader(this.#config, options))
  }

  writer(options: KafkaWriterOptions): KafkaWriter {
    const { transactionalId } = options
    const common = {
      compression: options.compression ?? DEFAULT_COMPRESSION,
      maxBatchBytes: options.maxBatchBytes ?? 1_000_000,
      poolBytes: options.poolBytes,
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? 30_000,
      topics: options.topics ?? [],
    }
    if (transactionalId === null) return this.#keep(new IdempotentWriter(this.#config, common))
    return this.#keep(
      new TransactionalWriter(this.#config, {
        ...common,
        transactionalId,
        transactionTimeoutMs: options.transactionTimeoutMs ?? 30_000,
        transactionV2: options.transactionV2 ?? 'auto',
      }),
    )
  }

  /** Creates a group member. By default it fences the transactional ids of vanished members itself. */
  membership({
    beforeAssigned = (fence) => this.fence(fence),
    sessionTimeoutMs = 10_000,
    rebalanceTimeoutMs = 60_000,
    ...options
  }: MembershipOptions): KafkaMembership {
    const { groupId, groupInstanceId } = options
    const requests = new GroupRequests(this.#config, { groupId, groupInstanceId, sessionTimeoutMs, rebalanceTimeoutMs })
    return this.#keep(new KafkaMembership(requests, { ...options, beforeAssigned, sessionTimeoutMs }))
  }

  admin(options: KafkaAdminOptions = {}): KafkaAdmin {
    return this.#keep(new KafkaAdmin(this.#config, options))
  }

  /** Watches whether the brokers answer, until close(). */
  watch(onChange: (reach: BrokerReach) => void): BrokerWatch {
    return this.#keep(new BrokerWatch(this.#config, onChange))
  }

  /**
   * Ends the producer sessions of these transactional ids and aborts their open transactions at once. A member calls it before it
   * takes over a vanished member's tasks.
   */
  async fence(transactionalIds: readonly string[]): Promise<void> {
    if (transactionalIds.length === 0) return
    const cluster = new ClusterClient(this.#config)
    try {
      await Promise.all(transactionalIds.map((id) => initTransactionalSession(cluster, id, 30_000)))
    } finally {
      await cluster.close()
    }
  }

  /** Transactional ids that are in a transaction, of all applications, as far as brokers say so within some seconds. */
  async transactionsInProgress(): Promise<readonly string[]> {
    const cluster = new ClusterClient(this.#config, LIST_TIMEOUT_MS)
    try {
      return await transactionsInProgress(cluster)
    } finally {
      await cluster.close()
    }
  }

  /** Closes every reader, writer, admin and membership made here. */
  async close(): Promise<void> {
    const open = [...this.#open]
    this.#open.clear()
    await Promise.all(open.map((part) => part.close()))
  }

  /** Like close(), but waits for no answer: a commit in flight fails, or its outcome stays unknown. */
  async abandon(): Promise<void> {
    await Promise.all([...this.#open].map((part) => (part instanceof KafkaWriter ? part.abandon() : part.close())))
  }

  #keep<T extends Closable>(part: T): T {
    this.#open.add(part)
    return part
  }
}

/** Connections are opened on demand, so this call does not fail. */
export function connectKafka(config: KafkaConnectionConfig): KafkaCluster {
  return new KafkaCluster(config)
}
