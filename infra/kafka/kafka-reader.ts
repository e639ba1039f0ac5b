import type { FetchedPartition, LogReader, TopicPartition } from '../../runtime/ports/log.ts'
import { deferred } from '../../state/deferred.ts'
import { StreamsError } from '../../state/ports/errors.ts'
import { partitionKey } from '../../state/ports/topic-partition.ts'
import { BrokerFetcher } from './broker-fetcher.ts'
import { ClusterClient } from './cluster-client.ts'
import type { KafkaConnectionConfig } from './kafka-config.ts'
import { PartitionCursor } from './partition-cursor.ts'
import { isRefusal, isTransportFailure, KafkaFatalError, rootMessage } from './protocol-error.ts'
import { Backoff, pause, TryAgain } from './retry.ts'

export interface KafkaReaderOptions {
  /** Most bytes of one answer of a broker (the first batch always comes whole). Default 8 MiB. */
  readonly fetchMaxBytes?: number
  /** Most bytes of one partition in one answer. Default 1 MiB. */
  readonly partitionMaxBytes?: number
  /** How long a broker waits for data before it answers with none. Default 500 ms. */
  readonly maxWaitMs?: number
  /** Default read_committed. */
  readonly isolation?: 'read_committed' | 'read_uncommitted'
  /** Called for every failed attempt that is being repeated. */
  readonly onRetry?: (message: string) => void
}

/*
 * LogReader over Kafka's Fetch.
 * 1. One BrokerFetcher per broker that leads an assigned partition, or is its nearer replica; each has at most one request in flight.
 * 2. Bytes held: per broker one answer not yet handed out (see PartitionCursor 3) plus one in flight.
 * 3. Broker failures never reach the caller: metadata is refreshed and the fetch repeated until close().
 *    It gets OffsetOutOfRangeError and CorruptBatchError, once per assignment, and refusals (authentication, authorisation).
 */
export class KafkaReader implements LogReader {
  readonly #cluster: ClusterClient
  readonly #options: Required<KafkaReaderOptions> & { fetchMaxBytes: number; readonly rack: string }
  readonly #cursors = new Map<string, PartitionCursor>()
  readonly #fetchers = new Map<number, BrokerFetcher>()
  readonly #failures: Error[] = []
  #wake: (() => void) | null = null
  #routing: Promise<void> | null = null
  #routeAgain = false

  constructor(config: KafkaConnectionConfig, options: KafkaReaderOptions = {}) {
    this.#options = {
      fetchMaxBytes: options.fetchMaxBytes ?? 8 * 1024 * 1024,
      partitionMaxBytes: options.partitionMaxBytes ?? 1024 * 1024,
      maxWaitMs: options.maxWaitMs ?? 500,
      isolation: options.isolation ?? 'read_committed',
      // Without a listener: retries are errors only when they end.
      onRetry: options.onRetry ?? (() => undefined),
      rack: config.rack ?? '',
    }
    this.#cluster = new ClusterClient(config, this.#options.maxWaitMs + 30_000)
  }

  /** Applies to the next requests. */
  set fetchMaxBytes(bytes: number) {
    this.#options.fetchMaxBytes = bytes
  }

  assign(partition: TopicPartition, position: number): void {
    const cursor = new PartitionCursor(partition, position)
    this.#cursors.set(partitionKey(partition), cursor)
    this.#route(false)
  }

  unassign(partition: TopicPartition): void {
    this.#cursors.delete(partitionKey(partition))
    this.#nudge() // what it held may have kept its broker's others from being fetched
  }

  pause(partition: TopicPartition): void {
    const cursor = this.#cursors.get(partitionKey(partition))
    if (!cursor) return
    cursor.paused = true
    this.#nudge()
  }

  resume(partition: TopicPartition): void {
    const cursor = this.#cursors.get(partitionKey(partition))
    if (!cursor?.paused) return
    cursor.paused = false
    if (cursor.hasNews) this.#wake?.()
    this.#nudge()
  }

  async poll(maxWaitMs: number): Promise<readonly FetchedPartition[]> {
    const ready = await this.#take()
    if (ready.length > 0 || maxWaitMs <= 0 || this.#cluster.closing.aborted) return ready
    const { promise, resolve } = deferred<void>()
    const timer = setTimeout(resolve, maxWaitMs)
    this.#wake = resolve
    await promise
    clearTimeout(timer)
    this.#wake = null
    return this.#take()
  }

  async close(): Promise<void> {
    this.#cursors.clear()
    const closing = this.#cluster.close()
    for (const fetcher of this.#fetchers.values()) fetcher.nudge()
    this.#wake?.()
    await closing
    await Promise.all([...this.#fetchers.values()].map((fetcher) => fetcher.stopped))
    await this.#routing
  }

  async #take(): Promise<FetchedPartition[]> {
    const failure = this.#failures.shift()
    if (failure) throw failure
    const ready: FetchedPartition[] = []
    const large: PartitionCursor[] = []
    for (const cursor of this.#cursors.values()) {
      if (!cursor.hasNews) continue
      if (cursor.isLarge) large.push(cursor)
      else ready.push(cursor.take())
    }
    for (const cursor of large) {
      const part = await cursor.takeLarge()
      if (this.#cursors.get(partitionKey(cursor)) === cursor) ready.push(part)
    }
    if (ready.length > 0) this.#nudge()
    return ready
  }

  #nudge(): void {
    for (const fetcher of this.#fetchers.values()) fetcher.nudge()
  }

  /** Makes sure that every assigned partition has a known leader and a fetcher; `stale`: ask the cluster again. */
  #route(stale: boolean): void {
    if (this.#cluster.closing.aborted) return
    if (this.#routing) {
      this.#routeAgain = true
      return
    }
    this.#routing = this.#findLeaders(stale).finally(() => {
      this.#routing = null
      if (!this.#routeAgain) return
      this.#routeAgain = false
      this.#route(false)
    })
  }

  async #findLeaders(stale: boolean): Promise<void> {
    const backoff = new Backoff(20, 1000)
    for (let refresh = stale; !this.#cluster.closing.aborted; refresh = true) {
      try {
        if (refresh) await this.#cluster.refresh([...this.#cursors.values()].map((cursor) => cursor.topic))
        if (this.#startFetchers()) return
        if (!refresh) continue // not asked yet
      } catch (error) {
        this.#onFailure(error)
      }
      await pause(backoff.next(), this.#cluster.closing)
    }
  }

  /** True when every cursor has a leader. */
  #startFetchers(): boolean {
    let complete = true
    for (const cursor of this.#cursors.values()) {
      const source = this.#sourceOf(cursor)
      if (source === undefined) complete = false
      else if (!this.#fetchers.has(source)) this.#fetchers.set(source, this.#newFetcher(source))
    }
    this.#nudge()
    return complete
  }

  /** Node id of the broker to read from: the nearer replica that the leader named, else the leader. */
  #sourceOf(cursor: PartitionCursor): number | undefined {
    const { replica } = cursor
    return replica >= 0 && this.#cluster.knows(replica) ? replica : this.#cluster.leader(cursor.topic, cursor.partition)
  }

  #newFetcher(nodeId: number): BrokerFetcher {
    const cursors = this.#cursors
    return new BrokerFetcher({
      nodeId,
      cluster: this.#cluster,
      limits: this.#options,
      cursors: () => [...cursors.values()].filter((cursor) => this.#sourceOf(cursor) === nodeId),
      current: (cursor) => cursors.get(partitionKey(cursor)) === cursor,
      onNews: () => this.#wake?.(),
      onRerouted: () => this.#route(false),
      onLost: (cursor, error) => {
        cursor.failure = error
        this.#fail(error)
      },
      onStale: () => this.#route(true),
      onFailure: (error) => this.#onFailure(error),
    })
  }

  /** Attempts are repeated whatever failed; but the caller must hear that the cluster refuses us. */
  #onFailure(error: unknown): void {
    if (this.#cluster.closing.aborted) return
    this.#options.onRetry(rootMessage(error))
    if (isRefusal(error)) this.#fail(new KafkaFatalError(rootMessage(error), { cause: error }))
    else if (error instanceof StreamsError && !isTransient(error)) this.#fail(error)
  }

  #fail(error: Error): void {
    // One of a kind is enough: the same refusal comes back with every attempt.
    if (!this.#failures.some(({ message }) => message === error.message)) this.#failures.push(error)
    this.#wake?.()
  }
}

function isTransient(error: unknown): boolean {
  return error instanceof TryAgain || isTransportFailure(error)
}
