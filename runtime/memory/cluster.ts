import { partitionKey } from '../../state/ports/topic-partition.ts'
import type { CommittedOffset, GroupMetadata, LogRecord, NewTopic, TopicPartition } from '../ports/log.ts'
import { sizeOf } from './memory-batch.ts'
import type { Network } from './network.ts'
import { PartitionLog } from './partition-log.ts'

/** A broker's answer instead of a result. Names are Kafka's. */
export type BrokerErrorName =
  | 'UNKNOWN_TOPIC_OR_PARTITION'
  | 'PRODUCER_FENCED'
  | 'CONCURRENT_TRANSACTIONS'
  | 'INVALID_TXN_STATE'
  | 'ILLEGAL_GENERATION'
  | 'UNSTABLE_OFFSET_COMMIT'
  | 'MESSAGE_TOO_LARGE'

export class BrokerError extends Error {
  readonly error: BrokerErrorName
  constructor(error: BrokerErrorName) {
    super(error)
    this.error = error
  }
}

interface Transaction {
  readonly producerId: number
  epoch: number
  state: 'empty' | 'ongoing' | 'ending'
  readonly partitions: Set<string>
  /** Offsets waiting for the marker, by group. */
  readonly pendingOffsets: Map<string, Map<string, CommittedOffset>>
  markersLeft: number
}

/** A producer session, as InitProducerId gives it. */
export interface ProducerSession {
  readonly transactionalId: string
  readonly producerId: number
  readonly epoch: number
}

/*
 * Owns topics, the transaction coordinator and committed offsets of an in-memory Kafka. All operations are synchronous
 * "at the broker"; the network in front of it gives them their asynchrony.
 * 1. One open transaction per transactional id; InitProducerId fences older sessions and aborts theirs.
 * 2. Markers are written later, partition by partition, through network.background; committed offsets of a transaction become
 *    visible with their own marker. Until all are written the id answers CONCURRENT_TRANSACTIONS.
 * 3. Offsets are accepted only for the group's current generation and member.
 */
export class MemoryCluster {
  readonly #network: Network
  readonly #newLog: () => PartitionLog
  readonly #topics = new Map<string, PartitionLog[]>()
  readonly #configs = new Map<string, Readonly<Record<string, string>>>()
  readonly #topicIds = new Map<string, number>()
  #topicsMade = 0
  readonly #transactions = new Map<string, Transaction>()
  readonly #offsets = new Map<string, Map<string, CommittedOffset>>()
  readonly #groups = new Map<string, { readonly generation: number; readonly memberIds: readonly string[] }>()
  #producerIds = 0
  #changed: (() => void)[] = []

  /** @param newLog makes the log of a partition; a simulation may plant a faulty one */
  constructor(network: Network, newLog: () => PartitionLog = () => new PartitionLog()) {
    this.#network = network
    this.#newLog = newLog
  }

  createTopic({ name, partitions, config }: NewTopic): void {
    if (this.#topics.has(name)) return
    this.#topics.set(
      name,
      Array.from({ length: partitions }, () => this.#newLog()),
    )
    this.#configs.set(name, config)
    this.#topicIds.set(name, ++this.#topicsMade)
  }

  /** Deletes the records, and with them the offsets that groups committed. */
  deleteTopic(name: string): void {
    this.#topics.delete(name)
    for (const offsets of this.#offsets.values()) {
      for (const [key, { topic }] of offsets) if (topic === name) offsets.delete(key)
    }
    this.#ring()
  }

  /** Adds partitions to an existing topic. */
  addPartitions(name: string, partitions: number): void {
    const logs = this.#topics.get(name) ?? []
    while (logs.length < partitions) logs.push(this.#newLog())
  }

  topicId(name: string): string {
    return String(this.#topicIds.get(name))
  }

  partitions(topic: string): number | null {
    return this.#topics.get(topic)?.length ?? null
  }

  topicConfig(topic: string): Readonly<Record<string, string>> {
    return this.#configs.get(topic) ?? {}
  }

  changeTopicConfig(topic: string, changes: Readonly<Record<string, string>>): void {
    this.#configs.set(topic, { ...this.topicConfig(topic), ...changes })
  }

  get topicNames(): readonly string[] {
    return [...this.#topics.keys()]
  }

  log({ topic, partition }: TopicPartition): PartitionLog {
    const log = this.#topics.get(topic)?.[partition]
    if (log === undefined) throw new BrokerError('UNKNOWN_TOPIC_OR_PARTITION')
    return log
  }

  /** Resolves at the next append or marker anywhere. */
  nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed.push(resolve)
    })
  }

  /** Appends records without a transaction. */
  append(to: TopicPartition, records: readonly Omit<LogRecord, 'offset'>[]): number {
    this.#checkSize(to, records)
    const base = this.log(to).append(-1, false, records)
    this.#ring()
    return base
  }

  /** Transactional ids that are in a transaction. */
  transactionsInProgress(): readonly string[] {
    return [...this.#transactions].filter(([, { state }]) => state === 'ongoing').map(([id]) => id)
  }

  initProducerId(transactionalId: string): ProducerSession {
    let transaction = this.#transactions.get(transactionalId)
    if (transaction === undefined) {
      transaction = {
        producerId: ++this.#producerIds,
        epoch: -1,
        state: 'empty',
        partitions: new Set(),
        pendingOffsets: new Map(),
        markersLeft: 0,
      }
      this.#transactions.set(transactionalId, transaction)
    }
    if (transaction.state === 'ongoing') {
      transaction.epoch++
      this.#end(transaction, 'abort')
    }
    if (transaction.state === 'ending') throw new BrokerError('CONCURRENT_TRANSACTIONS')
    transaction.epoch++
    return { transactionalId, producerId: transaction.producerId, epoch: transaction.epoch }
  }

  produce(session: ProducerSession, to: TopicPartition, records: readonly Omit<LogRecord, 'offset'>[]): number {
    this.#checkSize(to, records)
    const transaction = this.#ongoing(session)
    transaction.partitions.add(partitionKey(to))
    const base = this.log(to).append(session.producerId, true, records)
    this.#ring()
    return base
  }

  txnOffsetCommit(session: ProducerSession, group: GroupMetadata, offsets: readonly CommittedOffset[]): void {
    this.#checkMember(group)
    const transaction = this.#ongoing(session)
    let pending = transaction.pendingOffsets.get(group.groupId)
    if (pending === undefined) {
      pending = new Map()
      transaction.pendingOffsets.set(group.groupId, pending)
    }
    for (const offset of offsets) pending.set(partitionKey(offset), offset)
  }

  endTxn(session: ProducerSession, result: 'commit' | 'abort'): void {
    const transaction = this.#transactions.get(session.transactionalId)
    if (transaction === undefined || transaction.epoch !== session.epoch) throw new BrokerError('PRODUCER_FENCED')
    if (transaction.state === 'ending') throw new BrokerError('CONCURRENT_TRANSACTIONS')
    if (transaction.state === 'empty') throw new BrokerError('INVALID_TXN_STATE')
    this.#end(transaction, result)
  }

  offsetCommit(group: GroupMetadata, offsets: readonly CommittedOffset[]): void {
    this.#checkMember(group)
    const committed = this.#groupOffsets(group.groupId)
    for (const offset of offsets) committed.set(partitionKey(offset), offset)
  }

  /** @throws BrokerError UNSTABLE_OFFSET_COMMIT while a transaction holds offsets of one of the partitions */
  committedOffsets(groupId: string, partitions: readonly TopicPartition[], stable = true): CommittedOffset[] {
    const committed = this.#groupOffsets(groupId)
    const result: CommittedOffset[] = []
    for (const { topic, partition } of partitions) {
      const key = partitionKey({ topic, partition })
      for (const transaction of stable ? this.#transactions.values() : []) {
        if (transaction.pendingOffsets.get(groupId)?.has(key)) throw new BrokerError('UNSTABLE_OFFSET_COMMIT')
      }
      const offset = committed.get(key)
      if (offset !== undefined) result.push(offset)
    }
    return result
  }

  /** Sets the group's only accepted member. */
  setMember(groupId: string, memberId: string, generation: number): void {
    this.setGroup(groupId, generation, [memberId])
  }

  /** Sets the group's generation and all its accepted members. */
  setGroup(groupId: string, generation: number, memberIds: readonly string[]): void {
    this.#groups.set(groupId, { generation, memberIds })
  }

  /** The accepted member of a group that has one; null before the first. */
  member(groupId: string): { readonly memberId: string; readonly generation: number } | null {
    const group = this.#groups.get(groupId)
    const memberId = group?.memberIds[0]
    return group === undefined || memberId === undefined ? null : { memberId, generation: group.generation }
  }

  /** Most bytes of one record of the topic; +Infinity unless its configuration says so. */
  maxMessageBytes(topic: string): number {
    const configured = this.topicConfig(topic)['max.message.bytes']
    return configured === undefined ? Number.POSITIVE_INFINITY : Number(configured)
  }

  #checkSize({ topic }: TopicPartition, records: readonly Omit<LogRecord, 'offset'>[]): void {
    const max = this.maxMessageBytes(topic)
    if (max === Number.POSITIVE_INFINITY) return
    for (const record of records) if (sizeOf(record) > max) throw new BrokerError('MESSAGE_TOO_LARGE')
  }

  #checkMember({ groupId, memberId, generation }: GroupMetadata): void {
    const group = this.#groups.get(groupId)
    if (group === undefined || group.generation !== generation || !group.memberIds.includes(memberId)) {
      throw new BrokerError('ILLEGAL_GENERATION')
    }
  }

  #ongoing(session: ProducerSession): Transaction {
    const transaction = this.#transactions.get(session.transactionalId)
    if (transaction === undefined || transaction.epoch !== session.epoch) throw new BrokerError('PRODUCER_FENCED')
    if (transaction.state === 'ending') throw new BrokerError('CONCURRENT_TRANSACTIONS')
    transaction.state = 'ongoing'
    return transaction
  }

  /** Invariant 2. */
  #end(transaction: Transaction, result: 'commit' | 'abort'): void {
    transaction.state = 'ending'
    transaction.markersLeft = transaction.partitions.size + transaction.pendingOffsets.size
    const written = (): void => {
      transaction.markersLeft--
      if (transaction.markersLeft > 0) return
      transaction.state = 'empty'
      transaction.partitions.clear()
      transaction.pendingOffsets.clear()
      this.#ring()
    }
    if (transaction.markersLeft === 0) {
      transaction.markersLeft = 1
      written()
      return
    }
    for (const key of [...transaction.partitions]) {
      this.#network.background(`marker ${key}`, () => {
        const split = key.lastIndexOf(':')
        this.log({ topic: key.slice(0, split), partition: Number(key.slice(split + 1)) }).mark(
          transaction.producerId,
          result,
        )
        written()
        this.#ring()
      })
    }
    for (const [groupId, offsets] of [...transaction.pendingOffsets]) {
      this.#network.background(`marker of group ${groupId}`, () => {
        if (result === 'commit') {
          const committed = this.#groupOffsets(groupId)
          for (const [key, offset] of offsets) committed.set(key, offset)
        }
        transaction.pendingOffsets.delete(groupId)
        written()
      })
    }
  }

  #groupOffsets(groupId: string): Map<string, CommittedOffset> {
    let offsets = this.#offsets.get(groupId)
    if (offsets === undefined) {
      offsets = new Map()
      this.#offsets.set(groupId, offsets)
    }
    return offsets
  }

  #ring(): void {
    const waiting = this.#changed
    this.#changed = []
    for (const resolve of waiting) resolve()
  }
}
