import type { LogRecord, TopicPartition } from '../../runtime/index.ts'
import { isMisplaced, likelyPartitioner, type PlacedKey } from '../../topology/index.ts'

export interface MisplacedReport {
  readonly topic: string
  /** Records that lie in another partition than Kafka's default partitioner puts their key. */
  readonly records: number
  /** The partitioner that the producer seems to use. */
  readonly likely: string
}

/** So many keys tell which partitioner put them there. */
const KEPT = 100

/** Input records that producers with another partitioner wrote: the cause of differences, and none by themselves. */
export class MisplacedRecords {
  readonly #topics = new Map<string, { records: number; partitions: number; keys: PlacedKey[] }>()

  add({ topic, partition }: TopicPartition, { key }: LogRecord, partitions: number): void {
    if (key === null || !isMisplaced({ key, partition }, partitions)) return
    const found = this.#topics.get(topic) ?? { records: 0, partitions, keys: [] }
    found.records++
    if (found.keys.length < KEPT) found.keys.push({ key, partition })
    this.#topics.set(topic, found)
  }

  get report(): readonly MisplacedReport[] {
    return [...this.#topics].map(([topic, { records, partitions, keys }]) => ({
      topic,
      records,
      likely: likelyPartitioner(keys, partitions),
    }))
  }
}
