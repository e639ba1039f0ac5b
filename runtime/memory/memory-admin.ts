import type { Clock } from '../ports/clock.ts'
import type { CommittedOffset, LogAdmin, NewTopic, TopicDescription, TopicPartition } from '../ports/log.ts'
import { BrokerError, type MemoryCluster } from './cluster.ts'
import { LostError, type Network } from './network.ts'

export interface MemoryAdminOptions {
  readonly cluster: MemoryCluster
  readonly network: Network
  readonly clock: Clock
  readonly client: string
}

const RETRY_MS = 5

/** LogAdmin on the in-memory cluster; everything it asks may be asked again. */
export class MemoryAdmin implements LogAdmin {
  readonly #options: MemoryAdminOptions

  constructor(options: MemoryAdminOptions) {
    this.#options = options
  }

  describeTopics(names: readonly string[]): Promise<ReadonlyMap<string, TopicDescription>> {
    const { cluster } = this.#options
    return this.#call('describe', () => {
      const found = new Map<string, TopicDescription>()
      for (const name of names) {
        const partitions = cluster.partitions(name)
        if (partitions !== null) found.set(name, { name, id: cluster.topicId(name), partitions })
      }
      return found
    })
  }

  createTopics(topics: readonly NewTopic[]): Promise<void> {
    return this.#call('create', () => {
      for (const topic of topics) this.#options.cluster.createTopic(topic)
    })
  }

  topicSettings(topics: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
    const { cluster } = this.#options
    return this.#call('settings', () => {
      const there = topics.filter((topic) => cluster.partitions(topic) !== null)
      return new Map(there.map((topic) => [topic, new Map(Object.entries(cluster.topicConfig(topic)))]))
    })
  }

  changeTopicSettings(topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
    return this.#call('change settings', () => this.#options.cluster.changeTopicConfig(topic, settings))
  }

  committedOffsets(
    groupId: string,
    partitions: readonly TopicPartition[],
    { stable = true } = {},
  ): Promise<readonly CommittedOffset[]> {
    return this.#call('committed', () => this.#options.cluster.committedOffsets(groupId, partitions, stable))
  }

  highWatermarks(partitions: readonly TopicPartition[]): Promise<readonly number[]> {
    return this.#call('ends', () => partitions.map((partition) => this.#options.cluster.log(partition).highWatermark))
  }

  lastStableOffsets(partitions: readonly TopicPartition[]): Promise<readonly number[]> {
    const { cluster } = this.#options
    return this.#call('stable ends', () => partitions.map((partition) => cluster.log(partition).lastStableOffset))
  }

  earliestOffsets(partitions: readonly TopicPartition[]): Promise<readonly number[]> {
    return this.#call('begins', () => partitions.map((partition) => this.#options.cluster.log(partition).logStart))
  }

  deleteRecords(offsets: ReadonlyArray<TopicPartition & { offset: number }>): Promise<void> {
    return this.#call('delete', () => {
      for (const { offset, ...partition } of offsets) this.#options.cluster.log(partition).deleteBelow(offset)
    })
  }

  async #call<T>(label: string, operation: () => T): Promise<T> {
    const { network, client, clock } = this.#options
    for (;;) {
      try {
        return await network.call(client, label, operation)
      } catch (error) {
        const isRetriable =
          error instanceof LostError || (error instanceof BrokerError && error.error === 'UNSTABLE_OFFSET_COMMIT')
        if (!isRetriable) throw error
        await clock.sleep(RETRY_MS)
      }
    }
  }
}
