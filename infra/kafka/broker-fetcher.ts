import { OffsetOutOfRangeError } from '../../state/ports/errors.ts'
import { partitionName } from '../../state/ports/topic-partition.ts'
import { call } from './call.ts'
import type { ClusterClient } from './cluster-client.ts'
import { type FetchAnswerPartition, type FetchRequestTopic, fetchV16 } from './fetch-codec.ts'
import { nameOf } from './kafka-config.ts'
import type { Damage, PartitionCursor } from './partition-cursor.ts'
import { CorruptBatchError, ErrorCode, errorText, KafkaFatalError } from './protocol-error.ts'
import { Backoff, pause, TryAgain } from './retry.ts'

export interface FetchLimits {
  readonly fetchMaxBytes: number
  readonly partitionMaxBytes: number
  readonly maxWaitMs: number
  readonly isolation: 'read_committed' | 'read_uncommitted'
  /** Rack of this process; empty: it has none. */
  readonly rack: string
}

export interface BrokerFetcherOptions {
  readonly nodeId: number
  readonly cluster: ClusterClient
  readonly limits: FetchLimits
  /** Assigned partitions that are read from this broker: those it leads, as far as known, and those it is the nearer replica of. */
  readonly cursors: () => readonly PartitionCursor[]
  /** False when the cursor has been unassigned or replaced. */
  readonly current: (cursor: PartitionCursor) => boolean
  readonly onNews: () => void
  /** A cursor is to be read from another broker. */
  readonly onRerouted: () => void
  /** The cursor cannot continue until it is assigned again. */
  readonly onLost: (cursor: PartitionCursor, error: Error) => void
  /** Called when the known leaders are outdated. */
  readonly onStale: () => void
  /** Called for a failed attempt, which is repeated. */
  readonly onFailure: (error: unknown) => void
}

/** The broker's longest wait in the side lane, ms: it runs only until the main lane's long poll is back. */
const SIDE_WAIT_MS = 5
const MAX_REFUSALS = 2
/** Some five seconds with the pauses in between. */
const MAX_DAMAGED_ANSWERS = 10

/*
 * Fetches from one broker, for ever.
 * 1. Main lane: one long poll over all fetchable partitions. The next one starts only when what the last one brought
 *    has been handed out, so a partition is never left out of a long poll just because its data came a moment ago.
 * 2. Side lane, on a connection of its own: partitions that became fetchable (assigned, resumed) while the long poll
 *    is on its way, so that they need not wait for it.
 * 3. A partition is in one request at a time (`inFlight`), and the main lane waits for the side lane before it builds
 *    its next request: nothing stays in the side lane.
 * 4. An answer may have been damaged on its way. What would stop a partition is believed only when it is answered again: that its
 *    position is not there, or that we may not read it, twice; that a batch is damaged, MAX_DAMAGED_ANSWERS times.
 * 5. A replica that is not the leader may be behind: an error of its own, whatever it is, only sends the partition back to its leader.
 */

export class BrokerFetcher {
  /** Resolves when both lanes have ended, which they do when the cluster client closes. */
  readonly stopped: Promise<unknown>
  readonly #options: BrokerFetcherOptions
  readonly #backoff = new Backoff(20, 1000)
  #longPolling = false
  #sideRequest: Promise<void> | null = null
  #wakers: Array<() => void> = []

  constructor(options: BrokerFetcherOptions) {
    this.#options = options
    this.stopped = Promise.all([this.#mainLane(), this.#sideLane()])
  }

  /** Called when a change may have made partitions fetchable. */
  nudge(): void {
    const wakers = this.#wakers
    this.#wakers = []
    for (const wake of wakers) wake()
  }

  async #mainLane(): Promise<void> {
    const { cluster, limits } = this.#options
    while (!cluster.closing.aborted) {
      if (this.#sideRequest) await this.#sideRequest
      const fetchable = this.#fetchable()
      if (fetchable.length === 0) {
        await this.#nudged()
        continue
      }
      this.#longPolling = true
      await this.#fetch(fetchable, 'fetch', limits.maxWaitMs)
      this.#longPolling = false
    }
  }

  async #sideLane(): Promise<void> {
    while (!this.#options.cluster.closing.aborted) {
      const fetchable = this.#longPolling ? this.#fetchable() : []
      if (fetchable.length === 0) {
        await this.#nudged()
        continue
      }
      this.#sideRequest = this.#fetch(fetchable, 'fetch-side', SIDE_WAIT_MS)
      await this.#sideRequest
      this.#sideRequest = null
    }
  }

  /** None while data of this broker waits to be handed out (1). */
  #fetchable(): PartitionCursor[] {
    const cursors = this.#options.cursors()
    if (cursors.some((cursor) => cursor.holdsData && !cursor.paused)) return []
    return cursors.filter((cursor) => cursor.fetchable)
  }

  /** At once when the client is closed: the last nudge may have come while the caller waited for something else. */
  #nudged(): Promise<void> {
    if (this.#options.cluster.closing.aborted) return Promise.resolve()
    return new Promise((resolve) => this.#wakers.push(resolve))
  }

  async #fetch(cursors: readonly PartitionCursor[], role: string, maxWaitMs: number): Promise<void> {
    const { cluster, nodeId, limits, onStale, onFailure } = this.#options
    for (const cursor of cursors) cursor.inFlight = true
    let isAnswered = false
    let failure: unknown = null
    try {
      const connection = await cluster.connections.get(cluster.broker(nodeId), role)
      const { topics, asked } = this.#requestOf(cursors)
      const answer = await call(fetchV16, connection, {
        maxWaitMs,
        minBytes: 1,
        maxBytes: limits.fetchMaxBytes,
        partitionMaxBytes: limits.partitionMaxBytes,
        readCommitted: limits.isolation === 'read_committed',
        rack: limits.rack,
        topics,
      })
      if (answer.errorCode !== ErrorCode.NONE) throw new TryAgain(`fetch: ${errorText(answer.errorCode)}`)
      // From here on another broker's fetcher may ask for a cursor (invariant 5), whose mark is not ours.
      isAnswered = true
      for (const cursor of cursors) cursor.inFlight = false
      for (const partition of answer.partitions) {
        const cursor = asked.get(`${partition.topicId}:${partition.partition}`)
        if (cursor && this.#options.current(cursor)) failure = this.#accept(cursor, partition) ?? failure
      }
    } catch (error) {
      failure = error
    }
    if (!isAnswered) {
      for (const cursor of cursors) {
        cursor.inFlight = false
        this.#backToLeader(cursor)
      }
    }
    if (failure === null) {
      this.#backoff.reset()
      return
    }
    if (cluster.closing.aborted) return
    onFailure(failure)
    onStale()
    await pause(this.#backoff.next(), cluster.closing)
  }

  #requestOf(cursors: readonly PartitionCursor[]) {
    const asked = new Map<string, PartitionCursor>()
    const topics = new Map<string, { topicId: string; partitions: { partition: number; position: number }[] }>()
    for (const cursor of cursors) {
      const topicId = this.#options.cluster.topic(cursor.topic)?.id
      if (topicId === undefined) continue
      const topic = topics.get(topicId) ?? { topicId, partitions: [] }
      topics.set(topicId, topic)
      topic.partitions.push({ partition: cursor.partition, position: cursor.position })
      asked.set(`${topicId}:${cursor.partition}`, cursor)
    }
    return { asked, topics: [...topics.values()] as readonly FetchRequestTopic[] }
  }

  /** Gives the cursor its answer; returns an error that asks for another attempt. */
  #accept(cursor: PartitionCursor, answer: FetchAnswerPartition): TryAgain | null {
    const { limits, onNews, onLost, onRerouted } = this.#options
    if (answer.errorCode !== ErrorCode.NONE && this.#backToLeader(cursor)) {
      return new TryAgain(`fetch of ${partitionName(cursor)} from a replica: ${errorText(answer.errorCode)}`)
    }
    if (answer.preferredReplica >= 0 && answer.preferredReplica !== this.#options.nodeId) {
      cursor.readFrom(answer.preferredReplica)
      onRerouted()
      return null
    }
    switch (answer.errorCode) {
      case ErrorCode.NONE: {
        const damage = cursor.accept(answer, limits.isolation === 'read_committed')
        if (cursor.hasNews) onNews()
        return damage === null ? null : this.#onDamage(cursor, damage)
      }
      case ErrorCode.OFFSET_OUT_OF_RANGE:
      case ErrorCode.TOPIC_AUTHORIZATION_FAILED:
        if (cursor.noteBadAnswer() < MAX_REFUSALS) break
        onLost(
          cursor,
          answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE
            ? new OffsetOutOfRangeError(cursor.topic, cursor.partition, cursor.position)
            : new KafkaFatalError(`fetch of ${partitionName(cursor)}: ${errorText(answer.errorCode)}`),
        )
        return null
    }
    return new TryAgain(`fetch of ${partitionName(cursor)}: ${errorText(answer.errorCode)}`)
  }

  /** False when it is the leader that is read. */
  #backToLeader(cursor: PartitionCursor): boolean {
    if (cursor.replica < 0) return false
    cursor.readFrom(-1)
    this.#options.onRerouted()
    return true
  }

  #onDamage(cursor: PartitionCursor, damage: Damage): TryAgain | null {
    const { cluster, nodeId, onLost } = this.#options
    const error = new CorruptBatchError(cursor, damage, nameOf(cluster.broker(nodeId)))
    // Everything before the damage was accepted: the next answer begins with the damaged batch.
    if (cursor.holdsData || cursor.noteBadAnswer() < MAX_DAMAGED_ANSWERS) return new TryAgain(error.message)
    onLost(cursor, error)
    return null
  }
}
