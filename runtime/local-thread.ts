import type { ManagedStore } from '../state/ports/managed-store.ts'
import type { Serialized } from '../state/ports/serde.ts'
import { GLOBAL_TASK_ID } from './global-state.ts'
import type { ScanOptions, TaskStatus } from './ports/instance.ts'
import type { GroupMetadata } from './ports/log.ts'
import type { MetricFamily } from './ports/metrics.ts'
import { StreamThread, type StreamThreadOptions } from './stream-thread.ts'
import { parseTaskId } from './task-id.ts'
import type { OpenTask } from './task-opener.ts'
import { changelogsOf, type OpenStore } from './task-stores.ts'
import type { OrderedRow, TaskPosition, ThreadAnswer, ThreadControl, ThreadRows } from './thread-control.ts'

export interface LocalThreadOptions extends Omit<StreamThreadOptions, 'group'> {
  readonly index: number
}

/** A stream thread in this JavaScript thread, with its queries and status. Owns the group metadata the thread commits with. */
export class LocalThread implements ThreadControl {
  readonly #thread: StreamThread
  readonly #options: LocalThreadOptions
  #group: GroupMetadata | null = null

  constructor(options: LocalThreadOptions) {
    this.#options = options
    this.#thread = new StreamThread({ ...options, group: () => this.#group })
  }

  get stopped(): Promise<Error | null> {
    return this.#thread.stopped
  }

  assign(active: readonly string[], standby: readonly string[], group: GroupMetadata): Promise<void> {
    this.#group = group
    return this.#thread.assign(active, standby)
  }

  lost(): Promise<void> {
    this.#group = null
    return this.#thread.lost()
  }

  close(): Promise<void> {
    return this.#thread.close()
  }

  isReady(): boolean {
    return this.#thread.opening.tasks.length === 0
  }

  async get(taskId: string, storeName: string, key: unknown): Promise<ThreadAnswer<unknown> | null> {
    if (taskId === GLOBAL_TASK_ID) {
      const store = this.#thread.global.store(storeName)
      return store === undefined ? null : { result: store.committed.get(key) ?? null, lag: this.#thread.global.lag }
    }
    const open = this.#thread.tasks.get(taskId)
    const store = open?.stores.find((candidate) => candidate.store.name === storeName)?.store
    if (open === undefined || store === undefined) return null
    return { result: store.committed.get(key) ?? null, lag: open.task.lag }
  }

  async scan(storeName: string, options: ScanOptions): Promise<ThreadRows> {
    const global = this.#thread.global.store(storeName)
    if (global !== undefined) {
      const rows = await this.#scanOne(global, options)
      return { result: rows, lag: this.#thread.global.lag, tasks: [GLOBAL_TASK_ID] }
    }
    let lag = 0
    const rows: OrderedRow[][] = []
    const tasks: string[] = []
    for (const [id, open] of [...this.#thread.tasks]) {
      const store = open.stores.find((candidate) => candidate.store.name === storeName)?.store
      if (store === undefined) continue
      try {
        const found = await this.#scanOne(store, options)
        // Released meanwhile: others may have written since.
        if (this.#thread.tasks.get(id) !== open) continue
        rows.push(found)
      } catch (error) {
        if (this.#thread.tasks.get(id) !== open) continue
        throw error
      }
      lag += open.task.lag
      tasks.push(id)
    }
    return { result: mergeRows(rows, options), lag, tasks }
  }

  async #scanOne(store: ManagedStore, options: ScanOptions): Promise<OrderedRow[]> {
    const serde = this.#keySerde(store.name)
    const found = await store.committed.scan(options)
    return found.map(([key, value]) => ({ order: toBinary(serde.serialize('', key)), key, value }))
  }

  #keySerde(storeName: string): { serialize(topic: string, value: unknown): Serialized } {
    const { subtopologies, globalStores } = this.#options.plan
    for (const { stores } of subtopologies) {
      for (const { spec } of stores) if (spec.name === storeName) return spec.keySerde
    }
    for (const { store } of globalStores) if (store.spec.name === storeName) return store.spec.keySerde
    throw new RangeError(`no store named ${storeName}`)
  }

  #hasStore(id: string, store: string, partition: number): boolean {
    const task = parseTaskId(id)
    const subtopology = this.#options.plan.subtopologies.find((candidate) => candidate.id === task.subtopology)
    return task.partition === partition && subtopology?.stores.some(({ spec }) => spec.name === store) === true
  }

  async tasks(): Promise<readonly TaskStatus[]> {
    const { index } = this.#options
    const running = [...this.#thread.tasks.values()].map((open) => ({
      taskId: open.task.id,
      state: 'running' as const,
      thread: index,
      partitions: open.task.queues.map((queue) => ({
        topic: queue.topic,
        partition: queue.partition,
        position: queue.position(),
        endOffset: queue.endOffset,
      })),
      restore: [],
    }))
    const { tasks, restore } = this.#thread.opening
    const opening = tasks.map((taskId) => ({
      taskId,
      state: 'restoring' as const,
      thread: index,
      partitions: [],
      restore: restore.filter(({ store, partition }) => this.#hasStore(taskId, store, partition)),
    }))
    const standby = [...this.#thread.standbys].map(([taskId, { reads }]) => ({
      taskId,
      state: 'standby' as const,
      thread: index,
      partitions: [],
      restore: reads.map((read) => read.progress()),
    }))
    return [...running, ...opening, ...standby]
  }

  async positions(): Promise<readonly TaskPosition[]> {
    const active = [...this.#thread.tasks].map(([id, { stores }]) => positionOf(id, stores))
    const standby = [...this.#thread.standbys].map(([id, { stores }]) => positionOf(id, stores))
    return [...active, ...standby].filter(({ changelogs }) => changelogs.length > 0)
  }

  async metrics(): Promise<readonly MetricFamily[]> {
    const tasks = [...this.#thread.tasks.values()]
    const { applicationId } = this.#options.config
    const opening = this.#thread.opening
    return [
      ...this.#thread.metrics.snapshot(),
      gauge(
        'kafka_consumer_lag',
        'Records between the position and the last stable offset',
        tasks.flatMap(({ task }) =>
          task.queues.map((queue) => ({
            labels: { group: applicationId, topic: queue.topic, partition: String(queue.partition) },
            value: queue.lag,
          })),
        ),
      ),
      gauge('store_entries', 'Rows of each store, by task sum', sumByStore(tasks)),
      gauge(
        'restore_records_remaining',
        'Changelog records still to be restored',
        opening.restore.map(({ store, partition, remaining }) => ({
          labels: { store, partition: String(partition) },
          value: remaining,
        })),
      ),
      gauge('tasks', 'Tasks by state', [
        { labels: { state: 'running' }, value: tasks.length },
        { labels: { state: 'restoring' }, value: opening.tasks.length },
        { labels: { state: 'standby' }, value: this.#thread.standbys.size },
      ]),
    ]
  }
}

/** Rows of several sources in one order, at most `limit`. */
export function mergeRows(sources: ReadonlyArray<readonly OrderedRow[]>, options: ScanOptions): readonly OrderedRow[] {
  const direction = options.reverse === true ? -1 : 1
  return sources
    .flat()
    .sort((a, b) => (a.order < b.order ? -direction : a.order > b.order ? direction : 0))
    .slice(0, options.limit)
}

function toBinary(bytes: Serialized): string {
  return (typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes).toString('latin1')
}

function sumByStore(tasks: readonly OpenTask[]): MetricFamily['samples'] {
  const entries = new Map<string, number>()
  for (const { stores } of tasks) {
    for (const { store } of stores) {
      entries.set(store.name, (entries.get(store.name) ?? 0) + store.committed.approximateEntries())
    }
  }
  return [...entries].map(([store, value]) => ({ labels: { store }, value }))
}

function gauge(name: string, help: string, samples: MetricFamily['samples']): MetricFamily {
  return { name, help, type: 'gauge', samples, histograms: [] }
}

function positionOf(taskId: string, stores: readonly OpenStore[]): TaskPosition {
  const changelogs = changelogsOf(taskId, stores)
  return {
    taskId,
    changelogs: changelogs.map(({ topic, partition, store }) => ({
      topic,
      partition,
      position: store.position() ?? 0,
    })),
  }
}
