import type { StateStore } from '../../state/ports/stores.ts'
import type { OutputCollector } from '../commit/output-collector.ts'
import type { TopicPartition } from '../ports/log.ts'
import { tickPosition } from '../task/idle-ticks.ts'
import { KeyPlacement } from '../task/key-placement.ts'
import type { PoisonedRecords } from '../task/poisoned-records.ts'
import { prepareSerdes, prepareStores } from '../task/prepare-serdes.ts'
import { SourcePositions, type TaskSource, type TaskStart } from '../task/source-positions.ts'
import { StreamTask } from '../task/stream-task.ts'
import { sourceNodeOf } from '../task/task-graph.ts'
import { parseTaskId, taskCountOf } from '../task/task-id.ts'
import { changelogsOf, closeStores, type OpenStore, type TaskStores } from '../task/task-stores.ts'
import { type RecordedTicks, TickLog, type TickPartition } from '../task/tick-log.ts'
import type { StreamThreadOptions } from '../thread/stream-thread-options.ts'
import type { ThreadMetrics } from '../thread/thread-metrics.ts'
import type { Changelog, ChangelogRead, ChangelogReader } from './changelog-reader.ts'
import { SourceRows } from './source-rows.ts'

export interface OpenTask {
  readonly task: StreamTask
  readonly stores: readonly OpenStore[]
  readonly sources: readonly TaskSource[]
}

export interface TaskOpenerOptions
  extends Pick<
    StreamThreadOptions,
    'plan' | 'config' | 'partitions' | 'admin' | 'newRestoreReader' | 'clock' | 'tracer' | 'describeRecord' | 'onEvent'
  > {
  readonly stores: TaskStores
  readonly changelogs: ChangelogReader
  readonly collector: OutputCollector
  readonly metrics: ThreadMetrics
  readonly poisoned: PoisonedRecords
  readonly globalStores: ReadonlyMap<string, StateStore>
  /** A call of a task has ended. */
  readonly onAnswer: () => void
}

/** Start position of a task being opened, and the idle ticks it may have to repeat. */
interface Beginning {
  readonly start: TaskStart
  readonly ticks?: RecordedTicks
}

/*
 * Opens tasks in the order that keeps exactly-once (architecture 5):
 * 1. stable committed offsets of the sources; 2. then the changelogs' high watermarks (and those of idle ticks); 3. then
 * restore up to them.
 * Serdes that need something from elsewhere are prepared before, and once more for the rows that have been restored. Only then are nodes made and records let in. A task that fails to open, or is given up, leaves nothing open behind.
 */
export class TaskOpener {
  readonly #options: TaskOpenerOptions
  readonly #positions: SourcePositions
  readonly #tickLog: TickLog
  readonly #placement: KeyPlacement

  constructor(options: TaskOpenerOptions) {
    this.#options = options
    this.#positions = new SourcePositions(options)
    this.#placement = new KeyPlacement(options)
    this.#tickLog = new TickLog(options.admin, options.newRestoreReader)
  }

  /**
   * Opens the tasks concurrently; each is ready as soon as its own stores are. A task whose signal is aborted rejects with
   * RestoreInterruptedError.
   */
  open(ids: ReadonlyMap<string, AbortSignal>): ReadonlyMap<string, Promise<OpenTask>> {
    const signals = [...ids.values()]
    const beginnings = this.#beginnings([...ids.keys()], () => signals.every(({ aborted }) => aborted))
    return new Map([...ids].map(([id, signal]) => [id, this.#open(id, beginnings, signal)]))
  }

  async #open(id: string, beginnings: Promise<ReadonlyMap<string, Beginning>>, signal: AbortSignal): Promise<OpenTask> {
    const found = await unlessAborted(beginnings, signal)
    const { start, ticks } = found.get(id) as Beginning
    const { sources, numbers } = start
    for (const source of sources) this.#options.poisoned.forgetBelow(source, source.position)
    const { partition } = parseTaskId(id)
    const subtopology = this.#options.stores.subtopology(id)
    const taskCount = taskCountOf(subtopology.sourceTopics, this.#options.partitions)
    const begun = { taskCount, sources, numbers, ...(ticks && { ticks }) }
    const task = new StreamTask({ ...this.#options, placement: this.#placement, subtopology, partition, ...begun })
    await prepareSerdes(subtopology)
    const stores = await this.#options.stores.open(id, task)
    try {
      await this.#restore([...changelogsOf(id, stores), ...this.#sourceLogs(id, stores, sources)], signal)
      await prepareStores(subtopology.stores)
      task.start(stores.map(({ store }) => store))
    } catch (error) {
      await closeStores(stores)
      throw error
    }
    return { task, stores, sources }
  }

  /** The logs of stores that the records of a source topic restore. They end where the task goes on reading that topic. */
  #sourceLogs(taskId: string, stores: readonly OpenStore[], sources: readonly TaskSource[]): Changelog[] {
    const subtopology = this.#options.stores.subtopology(taskId)
    return stores.flatMap(({ store, sourceTopic }) => {
      const source = sources.find(({ topic }) => topic === sourceTopic)
      const planned = subtopology.stores.find(({ spec }) => spec.name === store.name)
      if (source === undefined || planned === undefined) return []
      const rows = new SourceRows(sourceNodeOf(subtopology, source.topic), source, planned.spec)
      const { topic, partition, position, isCommitted } = source
      const end = isCommitted ? position : 0
      return [{ taskId, topic, partition, store, end, rows }]
    })
  }

  async #restore(logs: readonly Changelog[], signal: AbortSignal): Promise<void> {
    const { changelogs } = this.#options
    signal.throwIfAborted()
    const reads = await changelogs.restore(logs)
    const ended = allEnded(changelogs, reads)
    const stop = (): void => changelogs.stop(reads)
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    await ended
    signal.removeEventListener('abort', stop)
    signal.throwIfAborted()
  }

  async #beginnings(ids: readonly string[], interrupted: () => boolean): Promise<ReadonlyMap<string, Beginning>> {
    const starts = await this.#positions.of(new Map(ids.map((id) => [id, this.#sources(id)])))
    const ticks = await this.#readTicks(starts, interrupted)
    return new Map([...starts].map(([id, start]) => [id, { start, ...ticks.get(id) }]))
  }

  /** Reads the recorded ticks of tasks that close windows when idle. */
  async #readTicks(
    starts: ReadonlyMap<string, TaskStart>,
    interrupted: () => boolean,
  ): Promise<ReadonlyMap<string, { ticks: RecordedTicks }>> {
    const ids: string[] = []
    const partitions: TickPartition[] = []
    for (const [id, { numbers }] of starts) {
      const subtopology = this.#options.stores.subtopology(id)
      if (subtopology.idleTicks === undefined) continue
      ids.push(id)
      partitions.push({
        topic: subtopology.idleTicks.topic,
        partition: parseTaskId(id).partition,
        position: tickPosition(numbers),
        skipsUnknown: subtopology.repartitionSourceTopics.length > 0,
      })
    }
    const recorded = await this.#tickLog.read(partitions, interrupted)
    return new Map(ids.map((id, i) => [id, { ticks: recorded[i] as RecordedTicks }]))
  }

  #sources(id: string): TopicPartition[] {
    const { partition } = parseTaskId(id)
    const topics = [...this.#options.stores.subtopology(id).sourceTopics].sort()
    return topics
      .filter((topic) => partition < (this.#options.partitions.get(topic) ?? 0))
      .map((topic) => ({ topic, partition }))
  }
}

/** Resolves when all have succeeded. Rejects with the first failure when none is in progress any longer. */
async function allEnded(changelogs: ChangelogReader, reads: readonly ChangelogRead[]): Promise<void> {
  let failure: { readonly cause: unknown } | null = null
  await Promise.all(
    reads.map(({ ended }) =>
      ended.catch((cause: unknown) => {
        failure ??= { cause }
        changelogs.stop(reads)
      }),
    ),
  )
  const failed = failure as { readonly cause: unknown } | null
  if (failed !== null) throw failed.cause
}

/** The caller holds no resource yet, so it need not wait for the promise once it must give up. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = (): void => reject(signal.reason)
    if (signal.aborted) give()
    signal.addEventListener('abort', give)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', give))
  })
}
