import { OffsetOutOfRangeError } from '../../state/ports/errors.ts'
import { partitionKey } from '../../state/ports/topic-partition.ts'
import { AbortFilter } from '../ports/abort-filter.ts'
import type { Clock } from '../ports/clock.ts'
import type { FetchedPartition, LogReader, LogRecord, TopicPartition } from '../ports/log.ts'
import type { MemoryCluster } from './cluster.ts'
import { LostError, type Network } from './network.ts'
import type { FetchAnswer } from './partition-log.ts'

export interface MemoryReaderOptions {
  readonly cluster: MemoryCluster
  readonly network: Network
  readonly clock: Clock
  readonly client: string
  readonly isolation: 'read_committed' | 'read_uncommitted'
  /** Batches per partition and fetch. */
  readonly maxBatches: () => number
}

interface Assigned extends TopicPartition {
  position: number
  /** End offset of the last answer, to recognise a new one. */
  endOffset: number
  paused: boolean
}

/** LogReader on the in-memory cluster. Fetches partition by partition, filters as a real client must. */
export class MemoryReader implements LogReader {
  readonly #options: MemoryReaderOptions
  readonly #assigned = new Map<string, Assigned>()
  #closed = false

  constructor(options: MemoryReaderOptions) {
    this.#options = options
  }

  assign({ topic, partition }: TopicPartition, position: number): void {
    this.#assigned.set(partitionKey({ topic, partition }), { topic, partition, position, endOffset: -1, paused: false })
  }

  unassign(partition: TopicPartition): void {
    this.#assigned.delete(partitionKey(partition))
  }

  pause(partition: TopicPartition): void {
    this.#setPaused(partition, true)
  }

  resume(partition: TopicPartition): void {
    this.#setPaused(partition, false)
  }

  async poll(maxWaitMs: number): Promise<readonly FetchedPartition[]> {
    const { cluster, clock } = this.#options
    const deadline = clock.monotonic() + maxWaitMs
    while (!this.#closed) {
      const changed = cluster.nextChange()
      const news = await this.#fetchAll()
      if (news.length > 0) return news
      const left = deadline - clock.monotonic()
      if (left <= 0) return []
      await Promise.race([changed, clock.sleep(left)])
    }
    return []
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#assigned.clear()
  }

  #setPaused(partition: TopicPartition, paused: boolean): void {
    const assigned = this.#assigned.get(partitionKey(partition))
    if (assigned !== undefined) assigned.paused = paused
  }

  /** One request for all partitions, as to one broker. */
  async #fetchAll(): Promise<FetchedPartition[]> {
    const { cluster, network, client, isolation, maxBatches } = this.#options
    // It waits for a missing topic to come, as a Kafka client does.
    const asked = [...this.#assigned.values()].filter(
      ({ topic, paused }) => !paused && cluster.partitions(topic) !== null,
    )
    if (asked.length === 0) return []
    let answers: FetchAnswer[]
    try {
      answers = await network.call(client, 'fetch', () =>
        asked.map((assigned) => cluster.log(assigned).fetch(assigned.position, maxBatches(), isolation)),
      )
    } catch (error) {
      if (error instanceof LostError) return []
      throw error
    }
    const news: FetchedPartition[] = []
    for (const [i, assigned] of asked.entries()) {
      // The partition moved or was taken away during the fetch.
      if (this.#assigned.get(partitionKey(assigned)) !== assigned) continue
      const fetched = this.#take(assigned, answers[i] as FetchAnswer)
      if (fetched !== null) news.push(fetched)
    }
    return news
  }

  #take(assigned: Assigned, answer: FetchAnswer): FetchedPartition | null {
    if (assigned.position < answer.logStart || assigned.position > answer.highWatermark) {
      throw new OffsetOutOfRangeError(assigned.topic, assigned.partition, assigned.position)
    }
    const { topic, partition, position: from } = assigned
    const endOffset = this.#options.isolation === 'read_committed' ? answer.lastStableOffset : answer.highWatermark
    const records = this.#filter(answer, assigned)
    if (assigned.position === from && endOffset === assigned.endOffset) return null
    assigned.endOffset = endOffset
    const bytes = records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0)
    return { topic, partition, from, records, bytes, position: assigned.position, endOffset }
  }

  #filter(answer: FetchAnswer, assigned: Assigned): LogRecord[] {
    const filter = new AbortFilter(this.#options.isolation === 'read_committed' ? answer.aborted : [])
    const records: LogRecord[] = []
    for (const batch of answer.batches) {
      if (filter.keep(batch)) {
        for (const record of batch.records) if (record.offset >= assigned.position) records.push(record)
      }
      assigned.position = Math.max(assigned.position, batch.lastOffset + 1)
    }
    return records
  }
}
