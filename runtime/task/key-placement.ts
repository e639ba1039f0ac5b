import { isMisplaced, likelyPartitioner, type PlacedKey } from '../../topology/foreign-partitioners.ts'
import type { SourceNode } from '../../topology/plan.ts'
import type { ThreadListener } from '../ports/instance-events.ts'
import type { FetchedPartition, LogRecord } from '../ports/log.ts'
import type { ThreadMetrics } from '../thread/thread-metrics.ts'

export interface KeyPlacementOptions {
  /** topic -> partition count. */
  readonly partitions: ReadonlyMap<string, number>
  readonly metrics: ThreadMetrics
  readonly onEvent: ThreadListener
}

/** One record in so many is looked at. */
const EVERY = 64

/*
 * Looks whether records lie where Kafka's default partitioner puts their keys, for sources that ask for it (checksPartitions).
 * 1. The first record of each fetch of a partition is looked at, and every 64th after it: a record that comes alone is seen, and many
 *    cost next to nothing each.
 * 2. It is reported once per topic; the metric counts all checked records.
 */
export class KeyPlacement {
  readonly #options: KeyPlacementOptions
  readonly #told = new Set<string>()

  constructor(options: KeyPlacementOptions) {
    this.#options = options
  }

  check({ checksPartitions, partitioner }: SourceNode, fetched: FetchedPartition): void {
    if (checksPartitions !== true || partitioner !== undefined) return
    const { topic, partition, records } = fetched
    const partitions = this.#options.partitions.get(topic) ?? 1
    if (partitions === 1) return
    let misplaced = 0
    for (let i = 0; i < records.length; i += EVERY) {
      const { key } = records[i] as LogRecord
      if (key !== null && isMisplaced({ key, partition }, partitions)) misplaced++
    }
    if (misplaced === 0) return
    this.#options.metrics.misplacedKeys.add(topic, misplaced)
    if (!this.#told.has(topic)) this.#tell(fetched, partitions)
  }

  #tell({ topic, partition, records }: FetchedPartition, partitions: number): void {
    this.#told.add(topic)
    const placed = records.flatMap(({ key, offset }) => (key === null ? [] : [{ key, partition, offset }]))
    const misplaced = placed.filter((key) => isMisplaced(key, partitions))
    const offset = misplaced[0]?.offset ?? 0
    const likely = likelyPartitioner(misplaced satisfies readonly PlacedKey[], partitions)
    const keys = { topic, partition, offset, partitions, likely }
    this.#options.onEvent({ type: 'misplaced-keys', keys })
  }
}
