import { StreamsConfigError } from '../state/ports/errors.ts'
import type { ManagedStore, StoreContext } from '../state/ports/managed-store.ts'
import type { StoreSpec } from '../state/ports/store-spec.ts'
import type { StateStore } from '../state/ports/stores.ts'
import type { Plan, Subtopology } from '../topology/plan.ts'
import type { OutputCollector } from './output-collector.ts'
import type { Clock } from './ports/clock.ts'
import type { LogAdmin, LogReader, TopicPartition } from './ports/log.ts'
import { Restorer, type RestoreTarget } from './restorer.ts'
import { StreamTask, type TaskSource } from './stream-task.ts'
import type { StreamsConfig } from './streams-config.ts'
import { parseTaskId } from './task-id.ts'
import type { ThreadMetrics } from './thread-metrics.ts'

/** A store of a task and where its changes are logged (null: nowhere). */
export interface OpenStore {
  readonly store: ManagedStore
  readonly changelogTopic: string | null
}

export interface OpenTask {
  readonly task: StreamTask
  readonly stores: readonly OpenStore[]
  readonly sources: readonly TaskSource[]
}

/** Opens the store of a task on its backend. Implemented by state/, a parameter so that tests can wrap it. */
export type StoreOpener = (taskId: string, spec: StoreSpec, context: StoreContext) => Promise<ManagedStore>

export interface TaskOpenerOptions {
  readonly plan: Plan
  readonly config: StreamsConfig
  /** topic -> partition count, of every topic of the plan. */
  readonly partitions: ReadonlyMap<string, number>
  readonly admin: LogAdmin
  readonly newRestoreReader: () => LogReader
  readonly openStore: StoreOpener
  readonly collector: OutputCollector
  readonly clock: Clock
  readonly metrics: ThreadMetrics
  readonly globalStores: ReadonlyMap<string, StateStore>
}

/*
 * Opens tasks in the order that keeps exactly-once (design 5, "Opening a task"):
 * 1. stable committed offsets of the sources; 2. then the changelogs' high watermarks; 3. then restore up to them.
 * Only then are nodes made and records let in. A task that fails to open leaves nothing open behind.
 */
export class TaskOpener {
  readonly #options: TaskOpenerOptions
  readonly #restorer: Restorer
  #opening: readonly string[] = []

  constructor(options: TaskOpenerOptions) {
    this.#options = options
    this.#restorer = new Restorer(options.admin, options.newRestoreReader)
  }

  /** Tasks being opened now, and how far their stores are. */
  get opening(): readonly string[] {
    return this.#opening
  }

  restoreProgress(): ReturnType<Restorer['progress']> {
    return this.#restorer.progress()
  }

  /**
   * @param interrupted asked while restoring; true gives up
   * @throws RestoreInterruptedError, StreamsConfigError (auto.offset.reset none and no offset)
   */
  async open(taskIds: readonly string[], interrupted: () => boolean): Promise<OpenTask[]> {
    this.#opening = taskIds
    const opened: OpenTask[] = []
    try {
      const positions = await this.#positions(taskIds)
      const targets: RestoreTarget[] = []
      for (const id of taskIds) {
        const { subtopology, partition } = this.#subtopology(id)
        const sources = positions.get(id) ?? []
        const task = new StreamTask({ ...this.#options, subtopology, partition, sources })
        const stores: OpenStore[] = []
        opened.push({ task, stores, sources })
        for (const { spec, changelogTopic } of subtopology.stores) {
          const store = await this.#options.openStore(id, spec, task)
          stores.push({ store, changelogTopic })
          if (changelogTopic !== null) targets.push({ topic: changelogTopic, partition, store })
        }
      }
      await this.#restorer.restore(targets, interrupted)
      for (const { task, stores } of opened) task.start(stores.map(({ store }) => store))
      return opened
    } catch (error) {
      for (const { stores } of opened) for (const { store } of stores) await store.close()
      throw error
    } finally {
      this.#opening = []
    }
  }

  #subtopology(id: string): { subtopology: Subtopology; partition: number } {
    const { subtopology, partition } = parseTaskId(id)
    const found = this.#options.plan.subtopologies.find((candidate) => candidate.id === subtopology)
    if (found === undefined)
      throw new StreamsConfigError(`task ${id} is not in this topology: members run different versions`)
    return { subtopology: found, partition }
  }

  /** Where each task's sources begin: the stable committed offset, or what the reset policy says. */
  async #positions(taskIds: readonly string[]): Promise<Map<string, TaskSource[]>> {
    const { admin, config } = this.#options
    const byTask = new Map(taskIds.map((id) => [id, this.#sources(id)]))
    const all = [...byTask.values()].flat()
    const committed = new Map<string, { offset: number; metadata: string }>()
    for (const offset of await admin.committedOffsets(config.applicationId, all)) {
      committed.set(`${offset.topic}:${offset.partition}`, offset)
    }
    const earliest = await admin.earliestOffsets(all)
    const result = new Map<string, TaskSource[]>()
    const toLatest = all.filter((source, i) => {
      const offset = committed.get(`${source.topic}:${source.partition}`)?.offset
      return (offset === undefined || offset < (earliest[i] as number)) && this.resetPolicy(source.topic) === 'latest'
    })
    const latestOffsets = toLatest.length === 0 ? [] : await admin.highWatermarks(toLatest)
    const latest = new Map(
      toLatest.map((source, i) => [`${source.topic}:${source.partition}`, latestOffsets[i] as number]),
    )
    for (const [id, sources] of byTask) {
      result.set(
        id,
        sources.map((source) => {
          const key = `${source.topic}:${source.partition}`
          const begin = earliest[all.indexOf(source)] as number
          const stored = committed.get(key)
          if (stored !== undefined && stored.offset >= begin) {
            return { ...source, position: stored.offset, partitionTime: parsePartitionTime(stored.metadata) }
          }
          if (this.resetPolicy(source.topic) === 'none') {
            throw new StreamsConfigError(
              `no committed offset for ${source.topic}-${source.partition} and AUTO_OFFSET_RESET is none`,
            )
          }
          return { ...source, position: latest.get(key) ?? begin, partitionTime: -1 }
        }),
      )
    }
    return result
  }

  /** What to do for a partition without a usable offset. Internal topics always start at the beginning. */
  resetPolicy(topic: string): 'earliest' | 'latest' | 'none' {
    const { plan, config } = this.#options
    if (plan.internalTopics.some((internal) => internal.name === topic)) return 'earliest'
    for (const subtopology of plan.subtopologies) {
      for (const node of subtopology.nodes) {
        if (node.type === 'source' && node.topics.includes(topic) && node.offsetReset !== undefined)
          return node.offsetReset
      }
    }
    return config.autoOffsetReset
  }

  #sources(id: string): TopicPartition[] {
    const { subtopology, partition } = this.#subtopology(id)
    const topics = [...subtopology.sourceTopics].sort()
    return topics
      .filter((topic) => partition < (this.#options.partitions.get(topic) ?? 0))
      .map((topic) => ({ topic, partition }))
  }
}

function parsePartitionTime(metadata: string): number {
  const time = Number(metadata)
  return metadata !== '' && Number.isSafeInteger(time) ? time : -1
}
