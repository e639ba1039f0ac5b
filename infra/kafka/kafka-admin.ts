import type { CommittedOffset, LogAdmin, NewTopic, TopicDescription, TopicPartition } from '../../runtime/ports/log.ts'
import { StreamsConfigError } from '../../state/ports/errors.ts'
import { partitionKey } from '../../state/ports/topic-partition.ts'
import { call } from './call.ts'
import { ClusterClient } from './cluster-client.ts'
import { type AssignedShare, assignedShare } from './group-plan.ts'
import type { KafkaConnectionConfig } from './kafka-config.ts'
import { askLeaders } from './leader-requests.ts'
import { byTopic } from './offset-topics.ts'
import {
  createTopicsV7,
  deleteRecordsV2,
  deleteTopicsV6,
  describeGroupsV5,
  describeProducersV0,
  leaveGroupV5,
  listOffsetsV8,
  offsetFetchV9,
} from './protocol.ts'
import { ErrorCode, errorText, isLeaderMoved, isTransportFailure, KafkaResponseError } from './protocol-error.ts'
import { TryAgain, withRetries } from './retry.ts'
import { changeTopicSettings, topicSettings } from './topic-settings.ts'
import type { Waiting } from './wait-reports.ts'

export interface KafkaAdminOptions {
  /** Replication factor of created topics; -1 (default) = the broker's default. */
  readonly replicationFactor?: number
  /** How long one call may take with all its retries, ms. Default 60 s. */
  readonly timeoutMs?: number
  /** Called when a call takes longer than some seconds, and then from time to time. */
  readonly onWait?: (waiting: Waiting) => void
}

/** A transaction that a producer has begun in a partition and not ended. */
export interface OpenTransaction extends TopicPartition {
  readonly producerId: string
  readonly producerEpoch: number
  /** Offset of its first record there. Readers of committed records get nothing from there on. */
  readonly startOffset: number
  /** Time of its last record, epoch ms. */
  readonly lastWriteAt: number
}

export interface GroupDescription {
  /** Empty, PreparingRebalance, CompletingRebalance, Stable or Dead. */
  readonly state: string
  readonly members: ReadonlyArray<{
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly clientId: string
    readonly clientHost: string
    /** The partitions that it has been assigned; null while the group rebalances, and for members of another kind of program. */
    readonly assignment: AssignedShare | null
  }>
}

const LATEST = -1
const EARLIEST = -2
const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1
const INVALID_PARTITIONS = 37
const INVALID_REPLICATION_FACTOR = 38
const INVALID_CONFIG = 40
const POLICY_VIOLATION = 44
const MISCONFIGURED: ReadonlySet<number> = new Set([
  INVALID_PARTITIONS,
  INVALID_REPLICATION_FACTOR,
  INVALID_CONFIG,
  POLICY_VIOLATION,
])

/** LogAdmin over Kafka; every call finds leaders and coordinators again while they move, for `timeoutMs` at most. */
export class KafkaAdmin implements LogAdmin {
  readonly #cluster: ClusterClient
  readonly #replicationFactor: number
  readonly #timeoutMs: number
  readonly #onWait: KafkaAdminOptions['onWait']

  constructor(config: KafkaConnectionConfig, options: KafkaAdminOptions = {}) {
    this.#replicationFactor = options.replicationFactor ?? -1
    this.#timeoutMs = options.timeoutMs ?? 60_000
    // An answer that comes after the end of the call helps nobody.
    this.#cluster = new ClusterClient(config, Math.min(30_000, Math.max(1000, this.#timeoutMs)))
    this.#onWait = options.onWait
  }

  async describeTopics(names: readonly string[]): Promise<ReadonlyMap<string, TopicDescription>> {
    await this.#retrying('describe topics', () => this.#cluster.refresh(names))
    const found = new Map<string, TopicDescription>()
    for (const name of names) {
      const topic = this.#cluster.topic(name)
      if (topic) found.set(name, { name, id: topic.id, partitions: topic.leaders.length })
    }
    return found
  }

  /** Names of all topics, sorted, without Kafka's internal ones. */
  listTopics(): Promise<string[]> {
    return this.#retrying('list topics', () => this.#cluster.allTopics())
  }

  async createTopics(topics: readonly NewTopic[]): Promise<void> {
    const names = topics.map(({ name }) => name)
    const existing = await this.describeTopics(names)
    const missing = topics.filter(({ name }) => !existing.has(name))
    if (missing.length > 0) await this.#retrying('create topics', () => this.#create(missing))
    await this.#retrying(`wait for leaders of ${names.join(', ')}`, async () => {
      await this.#cluster.refresh(names)
      for (const { name, partitions } of topics) {
        const count = this.#cluster.topic(name)?.leaders.length ?? 0
        for (let partition = 0; partition < Math.max(1, Math.min(partitions, count)); partition++) {
          if (this.#cluster.leader(name, partition) === undefined) throw new TryAgain(`${name} has no leader yet`)
        }
      }
    })
  }

  topicSettings(topics: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
    return topicSettings(this.#cluster, { topics, timeoutMs: this.#timeoutMs })
  }

  changeTopicSettings(topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
    return changeTopicSettings(this.#cluster, topic, settings, this.#timeoutMs)
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    await this.#retrying('delete topics', async () => {
      const connection = await this.#cluster.anyConnection()
      const request = names.map((name) => ({ name, topicId: null }))
      const answer = await call(deleteTopicsV6.api, connection, request, 30_000)
      for (const { name, errorCode } of answer.responses) {
        if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) continue
        throw new KafkaResponseError(`delete topic ${name}`, errorCode)
      }
    })
  }

  committedOffsets(
    groupId: string,
    partitions: readonly TopicPartition[],
    { stable = true } = {},
  ): Promise<readonly CommittedOffset[]> {
    const topics = byTopic(partitions, ({ partition }) => partition)
    return this.#fetchOffsets(
      groupId,
      topics.map(({ name, partitions: indexes }) => ({ name, partitionIndexes: indexes })),
      stable,
    )
  }

  /** Offsets of every partition the group ever committed for. */
  allCommittedOffsets(groupId: string): Promise<readonly CommittedOffset[]> {
    return this.#fetchOffsets(groupId, null, true)
  }

  highWatermarks(partitions: readonly TopicPartition[]): Promise<readonly number[]> {
    return this.#listOffsets(partitions, LATEST)
  }

  lastStableOffsets(partitions: readonly TopicPartition[]): Promise<readonly number[]> {
    return this.#listOffsets(partitions, LATEST, READ_COMMITTED)
  }

  earliestOffsets(partitions: readonly TopicPartition[]): Promise<readonly number[]> {
    return this.#listOffsets(partitions, EARLIEST)
  }

  /** Offset of the first record at or after that time (epoch ms); -1 when there is none. */
  offsetsForTime(partitions: readonly TopicPartition[], timestamp: number): Promise<readonly number[]> {
    return this.#listOffsets(partitions, timestamp)
  }

  /** The transactions that are open in these partitions. */
  async openTransactions(partitions: readonly TopicPartition[]): Promise<readonly OpenTransaction[]> {
    const open: OpenTransaction[] = []
    await askLeaders(this.#cluster, 'describe producers', this.#timeoutMs, partitions, async (connection, part) => {
      const asked = byTopic(part, ({ partition }) => partition)
      const request = asked.map(({ name, partitions: indexes }) => ({ name, partitionIndexes: indexes }))
      const { topics } = await call(describeProducersV0.api, connection, request)
      return topics.flatMap(({ name: topic, partitions: found }) =>
        found.map(({ partitionIndex: partition, errorCode, activeProducers }) => {
          for (const { producerId, producerEpoch, currentTxnStartOffset, lastTimestamp } of activeProducers) {
            if (currentTxnStartOffset < 0n) continue
            const [startOffset, lastWriteAt] = [Number(currentTxnStartOffset), Number(lastTimestamp)]
            open.push({ topic, partition, producerId: String(producerId), producerEpoch, startOffset, lastWriteAt })
          }
          return { topic, partition, errorCode }
        }),
      )
    })
    return open
  }

  async deleteRecords(offsets: ReadonlyArray<TopicPartition & { offset: number }>): Promise<void> {
    await askLeaders(this.#cluster, 'delete records', this.#timeoutMs, offsets, async (connection, part) => {
      const topics = byTopic(part, ({ partition, offset }) => ({ partitionIndex: partition, offset: BigInt(offset) }))
      const answer = await call(deleteRecordsV2.api, connection, topics, 30_000)
      return answer.topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, errorCode }) => ({ topic: name, partition: partitionIndex, errorCode })),
      )
    })
  }

  /** null when there is no such group. */
  describeGroup(groupId: string): Promise<GroupDescription | null> {
    return this.#onGroupCoordinator(`describe group ${groupId}`, groupId, async (connection) => {
      const answer = await call(describeGroupsV5.api, connection, [groupId], false)
      const group = answer.groups[0]
      const errorCode = group?.errorCode ?? ErrorCode.COORDINATOR_NOT_AVAILABLE
      this.#cluster.checkCoordinator('group', groupId, errorCode)
      if (errorCode === ErrorCode.GROUP_ID_NOT_FOUND || group?.groupState === 'Dead') return null
      if (!group || errorCode !== ErrorCode.NONE) throw new KafkaResponseError(`describe group ${groupId}`, errorCode)
      return {
        state: group.groupState,
        members: group.members.map(({ memberId, groupInstanceId, clientId, clientHost, memberAssignment }) => {
          const assignment = assignedShare(memberAssignment)
          return { memberId, groupInstanceId: groupInstanceId ?? null, clientId, clientHost, assignment }
        }),
      }
    })
  }

  /** Removes members from a group. Those that live join again. */
  async removeMembers(
    groupId: string,
    members: ReadonlyArray<Pick<GroupDescription['members'][number], 'memberId' | 'groupInstanceId'>>,
  ): Promise<void> {
    const action = `remove members of group ${groupId}`
    const request = members.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId, reason: 'removed' }))
    await this.#onGroupCoordinator(action, groupId, async (connection) => {
      const answer = await call(leaveGroupV5.api, connection, groupId, request)
      for (const { errorCode } of [answer, ...answer.members]) {
        this.#cluster.checkCoordinator('group', groupId, errorCode)
        if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.UNKNOWN_MEMBER_ID) continue
        throw new KafkaResponseError(action, errorCode)
      }
    })
  }

  close(): Promise<void> {
    return this.#cluster.close()
  }

  async #create(topics: readonly NewTopic[]): Promise<void> {
    const request = topics.map(({ name, partitions, config }) => ({
      name,
      numPartitions: partitions,
      replicationFactor: this.#replicationFactor,
      assignments: [],
      configs: Object.entries(config).map(([key, value]) => ({ name: key, value })),
    }))
    const answer = await call(createTopicsV7.api, await this.#cluster.anyConnection(), request, 30_000, false)
    for (const { name, errorCode, errorMessage } of answer.topics) {
      if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS) continue
      const action = `create topic ${name}`
      // A broker that has just started, or was slow, is fenced for a moment.
      const isFenced = MISCONFIGURED.has(errorCode) && /brokers are currently fenced/.test(errorMessage ?? '')
      if (isLeaderMoved(errorCode) || errorCode === ErrorCode.NOT_CONTROLLER || isFenced) {
        throw new TryAgain(`${action}: ${errorText(errorCode)}`)
      }
      if (MISCONFIGURED.has(errorCode)) {
        throw new StreamsConfigError(`${action}: ${errorMessage ?? errorText(errorCode)}`)
      }
      throw new KafkaResponseError(action, errorCode, errorMessage)
    }
  }

  /** Stable offsets: while a transaction holds some, the broker says so and is asked again. */
  #fetchOffsets(
    groupId: string,
    topics: Array<{ name: string; partitionIndexes: number[] }> | null,
    requireStable: boolean,
  ): Promise<CommittedOffset[]> {
    const action = `fetch offsets of ${groupId}`
    return this.#onGroupCoordinator(action, groupId, async (connection) => {
      const request = [{ groupId, memberId: null, memberEpoch: -1, topics }]
      const answer = await call(offsetFetchV9.api, connection, request, requireStable)
      const group = answer.groups[0]
      if (!group) throw new TryAgain(`${action}: no answer`)
      this.#checkOffsets(action, groupId, group.errorCode)
      const offsets: CommittedOffset[] = []
      for (const { name, partitions } of group.topics) {
        for (const { partitionIndex, committedOffset, metadata, errorCode } of partitions) {
          this.#checkOffsets(action, groupId, errorCode)
          const offset = Number(committedOffset)
          if (offset >= 0) offsets.push({ topic: name, partition: partitionIndex, offset, metadata: metadata ?? '' })
        }
      }
      return offsets
    })
  }

  #checkOffsets(action: string, groupId: string, errorCode: number): void {
    this.#cluster.checkCoordinator('group', groupId, errorCode)
    if (errorCode === ErrorCode.UNSTABLE_OFFSET_COMMIT || errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
      throw new TryAgain(`${action}: ${errorText(errorCode)}`)
    }
    if (errorCode !== ErrorCode.NONE) throw new KafkaResponseError(action, errorCode)
  }

  async #listOffsets(
    partitions: readonly TopicPartition[],
    timestamp: number,
    isolation = READ_UNCOMMITTED,
  ): Promise<readonly number[]> {
    const offsets = new Map<string, number>()
    await askLeaders(this.#cluster, 'list offsets', this.#timeoutMs, partitions, async (connection, part) => {
      const topics = byTopic(part, ({ partition }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: -1,
        timestamp: BigInt(timestamp),
      }))
      const consumer = -1
      const answer = await call(listOffsetsV8.api, connection, consumer, isolation, topics)
      return answer.topics.flatMap(({ name, partitions: answered }) =>
        answered.map(({ partitionIndex, errorCode, offset }) => {
          if (errorCode === ErrorCode.NONE)
            offsets.set(partitionKey({ topic: name, partition: partitionIndex }), Number(offset))
          return { topic: name, partition: partitionIndex, errorCode }
        }),
      )
    })
    return partitions.map((partition) => offsets.get(partitionKey(partition)) ?? -1)
  }

  #onGroupCoordinator<T>(
    action: string,
    groupId: string,
    attempt: (connection: Awaited<ReturnType<ClusterClient['coordinator']>>) => Promise<T>,
  ): Promise<T> {
    return this.#retrying(action, async () => {
      try {
        return await attempt(await this.#cluster.coordinator('group', groupId))
      } catch (error) {
        if (isTransportFailure(error)) this.#cluster.forgetCoordinator('group', groupId)
        throw error
      }
    })
  }

  #retrying<T>(action: string, attempt: () => Promise<T>): Promise<T> {
    const limits = { action, timeoutMs: this.#timeoutMs, maxDelayMs: 500, signal: this.#cluster.closing }
    return withRetries({ ...limits, onWait: this.#onWait }, attempt)
  }
}
