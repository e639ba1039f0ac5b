import type { BrokerConnection } from './broker-connection.ts'
import { BrokerConnections } from './broker-connections.ts'
import { call } from './call.ts'
import type { BrokerAddress, KafkaConnectionConfig } from './kafka-config.ts'
import { findCoordinatorV4, metadataV12 } from './protocol.ts'
import { ErrorCode, errorText, isCoordinatorMoved, isLeaderMoved, KafkaResponseError } from './protocol-error.ts'
import { TryAgain, withRetries } from './retry.ts'

export interface TopicMetadata {
  readonly name: string
  readonly id: string
  /** Node id of each partition's leader; -1 while it has none. */
  readonly leaders: readonly number[]
}

export type CoordinatorType = 'group' | 'transaction'
const COORDINATOR_KEY_TYPE = { group: 0, transaction: 1 } as const

/** Time limit for finding something in the cluster, ms. */
const LOOKUP_TIMEOUT_MS = 30_000

/*
 * Knows where things are in the cluster: leaders of partitions, coordinators of groups and transactional ids.
 * 1. What it knows may be stale at any time: a broker says so in its answer, the caller forgets it here and asks again.
 * 2. Concurrent refreshes of the same topics are one request.
 */
export class ClusterClient {
  readonly connections: BrokerConnections
  readonly #brokers = new Map<number, BrokerAddress>()
  readonly #topics = new Map<string, TopicMetadata>()
  readonly #coordinators = new Map<string, BrokerAddress>()
  readonly #closing = new AbortController()
  #refreshing: { readonly names: string; readonly done: Promise<void> } | null = null

  constructor(config: KafkaConnectionConfig, requestTimeoutMs = 30_000) {
    this.connections = new BrokerConnections(config, requestTimeoutMs)
  }

  /** Aborts at close() and ends every retry loop. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  anyConnection(role = ''): Promise<BrokerConnection> {
    return this.connections.any([...this.#brokers.values()], role)
  }

  /** The latest known metadata of a topic. */
  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name)
  }

  /** Node id of the partition's leader, as far as known. */
  leader(topic: string, partition: number): number | undefined {
    const leader = this.#topics.get(topic)?.leaders[partition]
    return leader === undefined || leader < 0 || !this.#brokers.has(leader) ? undefined : leader
  }

  /** Ids of the brokers that the latest metadata named. */
  get nodeIds(): readonly number[] {
    return [...this.#brokers.keys()]
  }

  knows(nodeId: number): boolean {
    return this.#brokers.has(nodeId)
  }

  broker(nodeId: number): BrokerAddress {
    const address = this.#brokers.get(nodeId)
    if (!address) throw new TryAgain(`broker ${nodeId} is not known`)
    return address
  }

  /** Asks any broker for the topics; one attempt. Topics that do not exist are forgotten. */
  async refresh(names: Iterable<string>): Promise<void> {
    const sorted = [...new Set(names)].sort()
    const key = sorted.join(' ')
    if (this.#refreshing?.names === key) return this.#refreshing.done
    const refreshing = { names: key, done: this.#refresh(sorted) }
    this.#refreshing = refreshing
    try {
      await refreshing.done
    } finally {
      if (this.#refreshing === refreshing) this.#refreshing = null
    }
  }

  /** Names of all topics of the cluster, internal ones left out. */
  async allTopics(): Promise<string[]> {
    const answer = await call(metadataV12.api, await this.anyConnection(), null, false, false)
    return answer.topics.flatMap((topic) => (topic.isInternal || topic.name == null ? [] : [topic.name])).sort()
  }

  /** A connection to the coordinator of `key`, which is looked up when it is unknown. */
  async coordinator(
    type: CoordinatorType,
    key: string,
    role: string = type,
    requestTimeoutMs?: number,
  ): Promise<BrokerConnection> {
    const cacheKey = `${type} ${key}`
    const known = this.#coordinators.get(cacheKey)
    if (known) return this.connections.get(known, role, requestTimeoutMs)
    const found = await withRetries(
      { action: `find the ${type} coordinator of ${key}`, timeoutMs: LOOKUP_TIMEOUT_MS, signal: this.closing },
      () => this.#findCoordinator(type, key),
    )
    this.#coordinators.set(cacheKey, found)
    return this.connections.get(found, role, requestTimeoutMs)
  }

  forgetCoordinator(type: CoordinatorType, key: string): void {
    this.#coordinators.delete(`${type} ${key}`)
  }

  /** Checks an answer of a coordinator: throws TryAgain when it has moved or is loading. */
  checkCoordinator(type: CoordinatorType, key: string, errorCode: number): void {
    if (!isCoordinatorMoved(errorCode)) return
    this.forgetCoordinator(type, key)
    throw new TryAgain(`the ${type} coordinator of ${key} is moving (${errorText(errorCode)})`)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.connections.close()
  }

  async #refresh(names: readonly string[]): Promise<void> {
    const answer = await call(metadataV12.api, await this.anyConnection(), [...names], false, false)
    this.#brokers.clear()
    for (const { nodeId, host, port } of answer.brokers) this.#brokers.set(nodeId, { host, port })
    for (const topic of answer.topics) {
      if (topic.name == null) continue
      if (topic.errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED) {
        throw new KafkaResponseError(`metadata of ${topic.name}`, topic.errorCode)
      }
      if (topic.errorCode !== ErrorCode.NONE && topic.errorCode !== ErrorCode.LEADER_NOT_AVAILABLE) {
        if (!isLeaderMoved(topic.errorCode)) throw new KafkaResponseError(`metadata of ${topic.name}`, topic.errorCode)
        this.#topics.delete(topic.name)
        continue
      }
      const leaders = new Array<number>(topic.partitions.length).fill(-1)
      for (const partition of topic.partitions) leaders[partition.partitionIndex] = partition.leaderId
      this.#topics.set(topic.name, { name: topic.name, id: topic.topicId, leaders })
    }
  }

  async #findCoordinator(type: CoordinatorType, key: string): Promise<BrokerAddress> {
    const connection = await this.anyConnection()
    const answer = await call(findCoordinatorV4.api, connection, COORDINATOR_KEY_TYPE[type], [key])
    const coordinator = answer.coordinators[0]
    if (!coordinator) throw new TryAgain(`no answer about the ${type} coordinator of ${key}`)
    if (isCoordinatorMoved(coordinator.errorCode)) throw new TryAgain(`there is no ${type} coordinator of ${key} yet`)
    if (coordinator.errorCode !== ErrorCode.NONE) {
      throw new KafkaResponseError(`find the ${type} coordinator of ${key}`, coordinator.errorCode)
    }
    return { host: coordinator.host, port: coordinator.port }
  }
}
