import { StoreCorruptedError, StreamsConfigError } from '../../state/ports/errors.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import type { Serialized } from '../../state/ports/serde.ts'
import type { Plan } from '../../topology/plan.ts'
import { type ScanOptions, StoreUnavailableError } from '../ports/instance.ts'
import { GLOBAL_TASK_ID } from '../restore/global-state.ts'
import type { OpenStore } from '../task/task-stores.ts'
import type { StreamThread } from '../thread/stream-thread.ts'
import type {
  OrderedRow,
  TaskRole,
  TasksAnswer,
  ThreadAnswer,
  ThreadAsk,
  ThreadGet,
  ThreadRows,
  ThreadScan,
  ThreadShare,
} from '../thread/thread-control.ts'

/** How the application shows the rows of its stores, by store. Pure; `stored` is what CommittedView answers. */
export type StoreViews = Readonly<Record<string, (key: unknown, stored: unknown) => unknown>>

/** A task's stores in one role, and how far they are behind. */
interface Source {
  readonly stores: readonly OpenStore[]
  readonly lag: number
}

/** Queries of one stream thread's stores: committed rows only, each task as of one moment at which it was open. */
export class StoreReads {
  readonly #thread: StreamThread
  readonly #plan: Plan
  readonly #views: StoreViews

  constructor(thread: StreamThread, plan: Plan, views: StoreViews) {
    this.#thread = thread
    this.#plan = plan
    this.#views = views
  }

  get({ taskId, store: name, key, role, asJson }: ThreadGet): ThreadAnswer<unknown> | null {
    const isGlobal = taskId === GLOBAL_TASK_ID
    const source = isGlobal ? null : this.#source(taskId, role)
    const store = isGlobal ? this.#thread.global.store(name) : storeIn(source, name)
    if (store === undefined) return null
    let stored: unknown
    try {
      stored = store.committed.get(key) ?? null
    } catch (error) {
      throw this.#noted(error)
    }
    const lag = source?.lag ?? this.#thread.global.lag
    return { result: asJson && stored !== null ? this.json(name, key, stored) : stored, lag }
  }

  async scan({ store: name, options, tasks, role }: ThreadScan): Promise<ThreadRows> {
    const global = this.#thread.global.store(name)
    if (global !== undefined) {
      const rows = await this.#rows(global, options)
      return { result: rows, lag: this.#thread.global.lag, tasks: [GLOBAL_TASK_ID] }
    }
    const answer = await this.#fromEach({ store: name, tasks, role }, (store) => this.#rows(store, options))
    return { ...answer, result: mergeRows(answer.result, options) }
  }

  /** One answer of each task. @throws StreamsConfigError when the store has no index */
  ask({ question, params, ...from }: ThreadAsk): Promise<TasksAnswer<readonly unknown[]>> {
    return this.#fromEach(from, async ({ name, committed }) => {
      if (committed.ask === undefined) throw new StreamsConfigError(`store ${name} has no index`)
      return await committed.ask(question, params)
    })
  }

  async #fromEach<T>(
    { store: name, tasks, role }: ThreadShare,
    read: (store: ManagedStore) => Promise<T>,
  ): Promise<TasksAnswer<readonly T[]>> {
    let lag = 0
    const result: T[] = []
    const answered: string[] = []
    for (const id of tasks) {
      const store = storeIn(this.#source(id, role), name)
      if (store === undefined) continue
      // Released meanwhile: others may have written since.
      const isStill = (): boolean => storeIn(this.#source(id, role), name) === store
      try {
        const found = await read(store)
        if (!isStill()) continue
        result.push(found)
      } catch (error) {
        if (!isStill()) continue
        throw this.#noted(error)
      }
      lag += this.#source(id, role)?.lag ?? 0
      answered.push(id)
    }
    return { result, lag, tasks: answered }
  }

  /** Damage that only queries meet must be repaired as well; until then the store is away. */
  #noted(error: unknown): unknown {
    if (!(error instanceof StoreCorruptedError)) return error
    this.#thread.storeDamaged(error)
    return new StoreUnavailableError(`store ${error.storeName} is damaged in task ${error.taskId}: it will be restored`)
  }

  #source(taskId: string, role: TaskRole): Source | null {
    if (role === 'active') {
      const open = this.#thread.tasks.get(taskId)
      return open === undefined ? null : { stores: open.stores, lag: open.task.lag }
    }
    const standby = this.#thread.standbys.get(taskId)
    if (standby === undefined) return null
    return {
      stores: standby.stores,
      lag: standby.reads.reduce((sum, read) => sum + read.progress().remaining, 0),
    }
  }

  /** The application's view of a stored row. */
  json(store: string, key: unknown, stored: unknown): string {
    const view = this.#views[store]
    if (view === undefined) throw new RangeError(`no view of store ${store}`)
    return JSON.stringify(view(key, stored))
  }

  async #rows(store: ManagedStore, options: ScanOptions): Promise<OrderedRow[]> {
    const serde = this.#keySerde(store.name)
    const found = await store.committed.scan(options)
    return found.map(([key, value]) => ({ order: toBinary(serde.serialize('', key)), key, value }))
  }

  #keySerde(storeName: string): { serialize(topic: string, value: unknown): Serialized } {
    const { subtopologies, globalStores } = this.#plan
    for (const { stores } of subtopologies) {
      for (const { spec } of stores) if (spec.name === storeName) return spec.keySerde
    }
    for (const { store } of globalStores) if (store.spec.name === storeName) return store.spec.keySerde
    throw new RangeError(`no store named ${storeName}`)
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

function storeIn(source: Source | null, name: string): ManagedStore | undefined {
  return source?.stores.find(({ store }) => store.name === name)?.store
}

function toBinary(bytes: Serialized): string {
  return (typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes).toString('latin1')
}
