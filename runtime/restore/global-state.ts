import { memoryBackend } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import { OffsetOutOfRangeError } from '../../state/ports/errors.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import type { StateStore } from '../../state/ports/stores.ts'
import type { Plan, Subtopology } from '../../topology/plan.ts'
import { Epochs } from '../commit/epochs.ts'
import { OutputCollector } from '../commit/output-collector.ts'
import type { LogReader, OutputBatch } from '../ports/log.ts'
import { PoisonedRecords } from '../task/poisoned-records.ts'
import { prepareSerdes } from '../task/prepare-serdes.ts'
import type { RecordQueue } from '../task/record-queue.ts'
import type { TaskSource } from '../task/source-positions.ts'
import { StreamTask } from '../task/stream-task.ts'
import { InputFeed } from '../thread/input-feed.ts'
import type { StreamThreadOptions } from '../thread/stream-thread-options.ts'
import { ThreadMetrics } from '../thread/thread-metrics.ts'

export interface GlobalStateOptions
  extends Pick<
    StreamThreadOptions,
    'plan' | 'config' | 'partitions' | 'newRestoreReader' | 'admin' | 'clock' | 'describeRecord' | 'onEvent'
  > {
  /** Counts unreadable records as dropped. */
  readonly metrics: ThreadMetrics
  /** Called when there is something to apply. */
  readonly onNews: () => void
  /** Called when rows have changed. */
  readonly onApplied: () => void
}

const RECORDS_PER_STEP = 1000
const CATCH_UP_WAIT_MS = 100

/*
 * Owns one stream thread's copy of every global store: in memory, read from the beginning of the topics at start.
 * 1. No task is opened before each partition has been read up to the last stable offset it had when reading began. A transaction that
 *    some other producer has left open holds back what lies behind it, and nothing else.
 * 2. Applied between slices of processing, so a record sees one state of it from beginning to end.
 * 3. Nothing of it is ever produced or committed: a record that cannot be read is dropped and counted (it would be a
 *    dead letter again in every thread and at every start), or stops the instance when the handler says `fail`.
 */
export class GlobalState {
  readonly stores: ReadonlyMap<string, StateStore>
  readonly #options: GlobalStateOptions
  readonly #managed: readonly ManagedStore[]
  readonly #metrics = new ThreadMetrics()
  readonly #epochs = new Epochs(() => NOWHERE)
  readonly #collector = new OutputCollector(this.#epochs, { get: () => 1, set: () => undefined })
  #reader: LogReader | null = null
  #feed: InputFeed | null = null
  #task: StreamTask | null = null
  #sources: readonly TaskSource[] = []
  /**
   * Offsets to reach before the state counts as read: high watermarks until the first answer shows what is stable; null =
   * reached.
   */
  #targets: number[] | null = null
  readonly #stable = new Set<RecordQueue>()

  constructor(options: GlobalStateOptions) {
    this.#options = options
    const context = {
      streamTime: () => this.#task?.streamTime() ?? -1,
      recordTimestamp: () => this.#task?.recordTimestamp() ?? 0,
      recordHeaders: () => this.#task?.recordHeaders() ?? [],
    }
    this.#managed = options.plan.globalStores.map(({ store: { spec } }) =>
      // Its topic is its log, so it has no changelog of its own.
      createStore({ ...spec, logging: false }, memoryBackend(spec.name, backendOptions(spec)), context),
    )
    this.stores = new Map(this.#managed.map((store) => [store.name, store.api]))
  }

  /** True when the topics were read up to the end they had when reading began; at once when the plan has no global stores. */
  get isRead(): boolean {
    return !this.isUsed || (this.#task !== null && this.#targets === null)
  }

  /** True when there are topics to read. */
  get isUsed(): boolean {
    return this.#managed.length > 0
  }

  get hasNews(): boolean {
    return this.#feed?.hasNews ?? false
  }

  /** Records of the topics that are not applied yet. */
  get lag(): number {
    return (this.#task?.queues ?? []).reduce((lag, queue) => lag + queue.lag, 0)
  }

  /** The store for queries; undefined while it is being read. */
  store(name: string): ManagedStore | undefined {
    return this.isRead ? this.#managed.find((store) => store.name === name) : undefined
  }

  /** Reads until isRead, or until `interrupted` says so. */
  async read(interrupted: () => boolean): Promise<void> {
    while (!this.isRead && !interrupted()) {
      if (this.#task === null) await this.#begin()
      await this.apply()
      if (!this.isRead && !this.hasNews) await this.#options.clock.sleep(CATCH_UP_WAIT_MS / 20)
    }
  }

  /** Applies what has been fetched. True when there may be more to apply at once. */
  async apply(): Promise<boolean> {
    const task = this.#task
    if (task === null || this.#feed === null) return false
    try {
      this.#feed.deliver([task])
    } catch (error) {
      if (!(error instanceof OffsetOutOfRangeError)) throw error
      // The topic has moved on beyond our position, so we may hold rows that are gone. Read it from the beginning.
      await this.#stop()
      for (const store of this.#managed) await store.wipe()
      return true
    }
    this.#lowerTargets(task.queues)
    const processed = task.process(RECORDS_PER_STEP)
    await this.#settle()
    const targets = this.#targets
    if (targets?.every((target, i) => (task.queues[i]?.position() ?? 0) >= target) === true) this.#targets = null
    return processed === RECORDS_PER_STEP
  }

  async close(): Promise<void> {
    await this.#stop()
    for (const store of this.#managed) await store.close()
  }

  async #begin(): Promise<void> {
    const { plan, partitions, admin, config, clock, newRestoreReader, onEvent, onNews } = this.#options
    await prepareSerdes(globalSubtopology(plan))
    const all = [...new Set(plan.globalStores.map(({ topic }) => topic))].flatMap((topic) =>
      Array.from({ length: partitions.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
    )
    this.#targets = [...(await admin.highWatermarks(all))]
    this.#stable.clear()
    const begins = await admin.earliestOffsets(all)
    this.#sources = all.map((source, i) => ({
      ...source,
      position: begins[i] as number,
      partitionTime: -1,
      isCommitted: true,
    }))
    const task = new StreamTask({
      ...this.#options,
      subtopology: globalSubtopology(plan),
      partition: 0,
      taskCount: 1,
      sources: this.#sources,
      collector: this.#collector,
      metrics: this.#metrics,
      poisoned: new PoisonedRecords(),
      config: { ...config, processingExceptionHandler: 'fail' },
    })
    task.start(this.#managed)
    const reader = newRestoreReader()
    this.#reader = reader
    this.#feed = new InputFeed({
      ...{ reader, clock, config, onEvent, onNews },
      maxBufferedBytesPerPartition: config.maxBufferedBytesPerPartition,
    })
    this.#feed.assign(this.#sources)
    this.#task = task
  }

  /** Invariant 1: the first answer of a partition tells its last stable offset. */
  #lowerTargets(queues: readonly RecordQueue[]): void {
    const targets = this.#targets
    if (targets === null) return
    for (const [i, queue] of queues.entries()) {
      if (queue.endOffset < 0 || this.#stable.has(queue)) continue
      this.#stable.add(queue)
      targets[i] = Math.min(targets[i] as number, queue.endOffset)
    }
  }

  /** Applied records are committed already, so they go through the layers at once. */
  async #settle(): Promise<void> {
    let isChanged = false
    for (const store of this.#managed) {
      store.flush()
      if (store.dirtyEntries() === 0) continue
      store.freeze(() => undefined)
      await store.settle(0)
      isChanged = true
    }
    if (isChanged) this.#options.onApplied()
    const { dropped } = this.#options.metrics
    for (const [label, count] of this.#epochs.next().deadLetters.entries()) {
      dropped.add(`global-${label.slice(label.indexOf('\u0000') + 1)}`, count)
    }
    for (const [reason, count] of this.#metrics.dropped.take()) dropped.add(reason, count)
  }

  async #stop(): Promise<void> {
    this.#feed?.remove(this.#sources)
    this.#task?.closeProcessors()
    const reader = this.#reader
    this.#task = null
    this.#feed = null
    this.#reader = null
    await reader?.close()
  }
}

/** All global stores as one subtopology; its one task reads every partition. */
export function globalSubtopology({ globalStores }: Plan): Subtopology {
  return {
    id: -1,
    // A row needs no timestamp (as in Kafka Streams).
    nodes: globalStores.flatMap(({ source, processor }) => [{ ...source, takesAnyTime: true }, processor]),
    stores: globalStores.map(({ store }) => store),
    sourceTopics: globalStores.map(({ topic }) => topic),
    repartitionSourceTopics: [],
    repartitionSinkTopics: [],
    copartitionGroups: [],
  }
}

const NOWHERE: OutputBatch = { records: 0, bytes: 0, append: () => undefined }
