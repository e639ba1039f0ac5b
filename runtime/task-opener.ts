import { type StoreCorruptedError, StreamsConfigError } from '../state/ports/errors.ts'
import type { ManagedStore, StoreContext } from '../state/ports/managed-store.ts'
import type { StoreSpec } from '../state/ports/store-spec.ts'
import type { StateStore } from '../state/ports/stores.ts'
import type { Plan, Subtopology } from '../topology/plan.ts'
import { tickPosition } from './idle-ticks.ts'
import type { OutputCollector } from './output-collector.ts'
import type { PoisonedRecords } from './poisoned-records.ts'
import type { Clock } from './ports/clock.ts'
import type { LogAdmin, LogReader, TopicPartition } from './ports/log.ts'
import { Restorer, type RestoreTarget } from './restorer.ts'
import { SourcePositions, type TaskStart } from './source-positions.ts'
import { StreamTask, type TaskSource } from './stream-task.ts'
import type { StreamsConfig } from './streams-config.ts'
import { parseTaskId } from './task-id.ts'
import type { ThreadMetrics } from './thread-metrics.ts'
import { type RecordedTicks, TickLog, type TickPartition } from './tick-log.ts'

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
  readonly poisoned: PoisonedRecords
  readonly globalStores: ReadonlyMap<string, StateStore>
}

/*
 * Opens tasks in the order that keeps exactly-once (design 5, "Opening a task"):
 * 1. stable committed offsets of the sources; 2. then the changelogs' high watermarks (and those of idle ticks); 3. then
 * restore up to them.
 * Only then are nodes made and records let in. A task that fails to open leaves nothing open behind.
 */
export class TaskOpener {
  readonly #options: TaskOpenerOptions
  readonly #restorer: Restorer
  readonly #positions: SourcePositions
  readonly #tickLog: TickLog
  readonly #corrupted = new Set<string>()

  constructor(options: TaskOpenerOptions) {
    this.#options = options
    this.#restorer = new Restorer(options.admin, options.newRestoreReader)
    this.#positions = new SourcePositions(options)
    this.#tickLog = new TickLog(options.admin, options.newRestoreReader)
  }

  /** The store is emptied when it is opened next, and so restored from the beginning. */
  rebuild({ taskId, storeName }: StoreCorruptedError): void {
    this.#corrupted.add(`${taskId}/${storeName}`)
  }

  /** How far the stores of the tasks being opened are. */
  restoreProgress(): ReturnType<Restorer['progress']> {
    return this.#restorer.progress()
  }

  /**
   * @param interrupted asked while restoring; true gives up
   * @throws RestoreInterruptedError, StreamsConfigError (auto.offset.reset none and no offset)
   */
  async open(taskIds: readonly string[], interrupted: () => boolean): Promise<OpenTask[]> {
    const opened: OpenTask[] = []
    try {
      const positions = await this.#positions.of(new Map(taskIds.map((id) => [id, this.#sources(id)])))
      const ticks = await this.#readTicks(positions, interrupted)
      const targets: RestoreTarget[] = []
      for (const id of taskIds) {
        const { subtopology, partition } = this.#subtopology(id)
        const { sources, numbers } = positions.get(id) as TaskStart
        for (const source of sources) this.#options.poisoned.forgetBelow(source, source.position)
        const task = new StreamTask({ ...this.#options, subtopology, partition, sources, numbers, ...ticks.get(id) })
        const stores: OpenStore[] = []
        opened.push({ task, stores, sources })
        for (const { spec, changelogTopic } of subtopology.stores) {
          const store = await this.#options.openStore(id, spec, task)
          stores.push({ store, changelogTopic })
          if (this.#corrupted.delete(`${id}/${spec.name}`)) await store.wipe()
          if (changelogTopic !== null) targets.push({ topic: changelogTopic, partition, store })
        }
      }
      await this.#restorer.restore(targets, interrupted)
      for (const { task, stores } of opened) task.start(stores.map(({ store }) => store))
      return opened
    } catch (error) {
      await closeStores(opened.flatMap(({ stores }) => stores))
      throw error
    }
  }

  /** Of the tasks that close windows when idle. */
  async #readTicks(
    starts: ReadonlyMap<string, TaskStart>,
    interrupted: () => boolean,
  ): Promise<ReadonlyMap<string, { ticks: RecordedTicks }>> {
    const ids: string[] = []
    const partitions: TickPartition[] = []
    for (const [id, { numbers }] of starts) {
      const { subtopology, partition } = this.#subtopology(id)
      if (subtopology.idleTicks === undefined) continue
      ids.push(id)
      partitions.push({
        topic: subtopology.idleTicks.topic,
        partition,
        position: tickPosition(numbers),
        skipsUnknown: subtopology.repartitionSourceTopics.length > 0,
      })
    }
    const recorded = await this.#tickLog.read(partitions, interrupted)
    return new Map(ids.map((id, i) => [id, { ticks: recorded[i] as RecordedTicks }]))
  }

  #subtopology(id: string): { subtopology: Subtopology; partition: number } {
    const { subtopology, partition } = parseTaskId(id)
    const found = this.#options.plan.subtopologies.find((candidate) => candidate.id === subtopology)
    if (found === undefined)
      throw new StreamsConfigError(`task ${id} is not in this topology: members run different versions`)
    return { subtopology: found, partition }
  }

  #sources(id: string): TopicPartition[] {
    const { subtopology, partition } = this.#subtopology(id)
    const topics = [...subtopology.sourceTopics].sort()
    return topics
      .filter((topic) => partition < (this.#options.partitions.get(topic) ?? 0))
      .map((topic) => ({ topic, partition }))
  }
}

/** Closes all of them, whatever happens to one. Nothing is lost by an error here: everything committed is in the log. */
export async function closeStores(stores: readonly OpenStore[]): Promise<readonly unknown[]> {
  const outcomes = await Promise.allSettled(stores.map(({ store }) => store.close()))
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
}
