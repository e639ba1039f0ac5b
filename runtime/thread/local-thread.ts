import type { TaskStatus } from '../ports/instance.ts'
import type { GroupMetadata } from '../ports/log.ts'
import type { MetricFamily } from '../ports/metrics.ts'
import { PageWatches } from '../queries/page-watches.ts'
import { RowWatches } from '../queries/row-watches.ts'
import { StoreReads, type StoreViews } from '../queries/store-reads.ts'
import type { OpenTask } from '../restore/task-opener.ts'
import type { RecordQueue } from '../task/record-queue.ts'
import { parseTaskId } from '../task/task-id.ts'
import { changelogsOf, type OpenStore } from '../task/task-stores.ts'
import { Bell } from './bell.ts'
import { StreamThread } from './stream-thread.ts'
import type { StreamThreadOptions } from './stream-thread-options.ts'
import type {
  GotRow,
  InputOffset,
  TaskPosition,
  ThreadAnswer,
  ThreadAnswers,
  ThreadControl,
  ThreadGet,
  ThreadPage,
  ThreadQuestion,
  ThreadWatch,
  WatchedRow,
  WatchListener,
} from './thread-control.ts'

export interface LocalThreadOptions extends Omit<StreamThreadOptions, 'group'> {
  readonly index: number
  /** For queries that want JSON. */
  readonly views?: StoreViews
}

const LOOK_AGAIN_MS = 50

type Answerers = {
  readonly [T in ThreadQuestion['type']]: (question: Extract<ThreadQuestion, { type: T }>) => Promise<ThreadAnswers[T]>
}

/** A stream thread in this JavaScript thread, with its queries and status. Owns the group metadata the thread commits with. */
export class LocalThread implements ThreadControl {
  readonly #thread: StreamThread
  readonly #reads: StoreReads
  readonly #rows: RowWatches
  readonly #pages: PageWatches
  readonly #options: LocalThreadOptions
  readonly #settled = new Bell()
  readonly #answerers: Answerers = {
    query: ({ read }) => this.#reads.query(read),
    passed: ({ input, timeoutMs }) => this.#passed(input, timeoutMs),
    positions: () => this.#positions(),
    tasks: () => this.#tasks(),
    metrics: () => this.metrics(),
  }
  #group: GroupMetadata | null = null

  constructor(options: LocalThreadOptions) {
    this.#options = options
    this.#thread = new StreamThread({ ...options, group: () => this.#group, onSettled: () => this.#onSettled() })
    this.#reads = new StoreReads(this.#thread, options.plan, options.views ?? {})
    this.#rows = new RowWatches(this.#reads)
    this.#pages = new PageWatches((page) => this.#reads.page(page))
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

  setPaused(isPaused: boolean): Promise<void> {
    return this.#thread.setPaused(isPaused)
  }

  /** StreamsConfig's, which changes with the number of threads. */
  set maxEpochBytes(bytes: number) {
    this.#thread.maxEpochBytes = bytes
  }

  close(): Promise<void> {
    return this.#thread.close()
  }

  isReady(): boolean {
    return this.#thread.isReady
  }

  async get(read: ThreadGet): Promise<ThreadAnswer<GotRow> | null> {
    return this.#reads.get(read)
  }

  /** Like get(), at once. */
  read(read: ThreadGet): ThreadAnswer<GotRow> | null {
    return this.#reads.get(read)
  }

  ask<Q extends ThreadQuestion>(question: Q): Promise<ThreadAnswers[Q['type']]> {
    // The compiler does not see that the answerer of a type gets a question of that type: Answerers says so.
    const answerer: (asked: never) => Promise<unknown> = this.#answerers[question.type]
    return answerer(question as never) as Promise<ThreadAnswers[Q['type']]>
  }

  #hasStore(id: string, store: string, partition: number): boolean {
    const task = parseTaskId(id)
    const subtopology = this.#options.plan.subtopologies.find((candidate) => candidate.id === task.subtopology)
    return task.partition === partition && subtopology?.stores.some(({ spec }) => spec.name === store) === true
  }

  async #tasks(): Promise<readonly TaskStatus[]> {
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
        heldBack: queue.heldBack,
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

  async watch(read: ThreadWatch | ThreadPage, onChange: WatchListener): Promise<WatchedRow | null> {
    return 'question' in read ? await this.#pages.add(read, onChange) : this.#rows.add(read, onChange)
  }

  #onSettled(): void {
    this.#settled.ring()
    this.#rows.look()
    this.#pages.look()
  }

  async #passed(input: readonly InputOffset[], timeoutMs: number): Promise<boolean> {
    const { clock } = this.#options
    const deadline = clock.monotonic() + timeoutMs
    const isPassed = ({ taskId, topic, offset }: InputOffset): boolean =>
      (this.#thread.tasks.get(taskId)?.task.visible(topic) ?? 0) > offset
    while (!input.every(isPassed)) {
      const leftMs = deadline - clock.monotonic()
      if (leftMs <= 0) return false
      // A task that is opened meanwhile rings no bell.
      await Promise.race([this.#settled.next(), clock.sleep(Math.min(LOOK_AGAIN_MS, Math.max(1, leftMs)))])
    }
    return true
  }

  async #positions(): Promise<readonly TaskPosition[]> {
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
        'Offsets between the last commit and the last stable offset',
        tasks.flatMap(({ task }) =>
          task.queues.map((queue) => ({
            labels: { group: applicationId, topic: queue.topic, partition: String(queue.partition) },
            value: committedLag(task.visible(queue.topic), queue),
          })),
        ),
      ),
      gauge(
        'kafka_held_back_offsets',
        'Offsets behind the last stable offset: an open transaction of a producer holds them back',
        tasks.flatMap(({ task }) =>
          task.queues.map(({ topic, partition, heldBack }) => ({
            labels: { group: applicationId, topic, partition: String(partition) },
            value: heldBack,
          })),
        ),
      ),
      gauge('unanswered_calls', 'Records whose call is not answered yet, by node', sumByNode(tasks)),
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

function sumByNode(tasks: readonly OpenTask[]): MetricFamily['samples'] {
  const unanswered = new Map<string, number>()
  for (const { task } of tasks) {
    for (const calls of task.calls?.nodes ?? []) {
      unanswered.set(calls.node, (unanswered.get(calls.node) ?? 0) + calls.unanswered)
    }
  }
  return [...unanswered].map(([node, value]) => ({ labels: { node }, value }))
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

/** Offsets between the last commit and the last stable offset; before the first commit, from the position on. */
function committedLag(committed: number | null, { endOffset, lag }: RecordQueue): number {
  return committed === null ? lag : Math.max(0, endOffset - committed)
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
