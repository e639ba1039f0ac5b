import { StoreCorruptedError, StreamsConfigError } from '../../state/ports/errors.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import type { RowsQuestion, StoredRow } from '../../state/ports/questions.ts'
import { StoreCodec } from '../../state/stores/store-codec.ts'
import type { Plan } from '../../topology/plan.ts'
import { NoSuchStoreError, StoreUnavailableError } from '../ports/instance.ts'
import { GLOBAL_TASK_ID } from '../task/task-id.ts'
import type { OpenStore } from '../task/task-stores.ts'
import type { StreamThread } from '../thread/stream-thread.ts'
import type {
  GotRow,
  StoreAnswer,
  TaskRole,
  TasksAnswer,
  ThreadAnswer,
  ThreadGet,
  ThreadPage,
  ThreadQuery,
  ThreadShare,
} from '../thread/thread-control.ts'
import { pageText } from './page-of.ts'
import { plainJson, plainRow } from './plain-row.ts'

/** The application's views of its stores' rows, by store. Pure; `stored` is as the store's API returns it. */
export type StoreViews = Readonly<Record<string, (key: unknown, stored: unknown) => unknown>>

/** A store of a task in one role, and how far the task is behind. */
interface Source {
  readonly store: ManagedStore
  readonly lag: number
}

/** Queries of one stream thread's stores: committed rows only, each task as of one moment at which it was open. */
export class StoreReads {
  readonly #thread: StreamThread
  readonly #views: StoreViews
  readonly #codecs: ReadonlyMap<string, StoreCodec>

  constructor(thread: StreamThread, plan: Plan, views: StoreViews) {
    this.#thread = thread
    this.#views = views
    const stores = [...plan.subtopologies.flatMap((one) => one.stores), ...plan.globalStores.map(({ store }) => store)]
    this.#codecs = new Map(stores.map(({ spec }) => [spec.name, new StoreCodec(spec)]))
  }

  get(read: ThreadGet): ThreadAnswer<GotRow> | null {
    if (!read.asJson) return this.#read(read, (store) => store.committed.row(read.key))
    const answer = this.stored(read)
    if (answer === null || answer.result === null) return answer as ThreadAnswer<null> | null
    return { result: this.json(read.store, read.key, answer.result), lag: answer.lag }
  }

  /** The row as the store's API returns it; the same object while it does not change. */
  stored(read: Omit<ThreadGet, 'asJson'>): ThreadAnswer<unknown> | null {
    return this.#read(read, (store) => store.committed.get(read.key))
  }

  async query({ question, ...share }: ThreadQuery): Promise<TasksAnswer<StoreAnswer>> {
    if (question.type === 'index') {
      const { result: data, ...rest } = await this.#fromEach(share, async ({ name, committed }) => {
        if (committed.ask === undefined) throw new StreamsConfigError(`store ${name} has no index`)
        return await committed.ask(question.question, question.params)
      })
      return { ...rest, result: { rows: [], data } }
    }
    const { result, ...rest } = await this.#fromEach(share, (store) => store.committed.rows(question))
    return { ...rest, result: { rows: mergeRows(result, question), data: [] } }
  }

  /** A page of rows as JSON text. */
  async page({ taskId, store, question, limit }: ThreadPage): Promise<ThreadAnswer<string> | null> {
    const codec = this.#codec(store)
    const { result, lag, tasks } = await this.query({ store, tasks: [taskId], role: 'active', question })
    if (tasks.length === 0) return null
    await codec.prepareRows(result.rows)
    return { result: pageText(codec, result.rows, { limit }), lag }
  }

  #read<T>(
    { taskId, store: name, role }: Omit<ThreadGet, 'asJson'>,
    read: (store: ManagedStore) => T,
  ): ThreadAnswer<T> | null {
    const source = this.#source(taskId, role, name)
    if (source === null) return null
    try {
      return { result: read(source.store), lag: source.lag }
    } catch (error) {
      throw this.#noted(error)
    }
  }

  async #fromEach<T>(
    { store: name, tasks, role }: ThreadShare,
    read: (store: ManagedStore) => Promise<T>,
  ): Promise<TasksAnswer<readonly T[]>> {
    let lag = 0
    const result: T[] = []
    const answered: string[] = []
    for (const id of tasks) {
      const store = this.#source(id, role, name)?.store
      if (store === undefined) continue
      // The task was released in the meantime: other processes may have written since.
      const isStill = (): boolean => this.#source(id, role, name)?.store === store
      try {
        const found = await read(store)
        if (!isStill()) continue
        result.push(found)
      } catch (error) {
        if (!isStill()) continue
        throw this.#noted(error)
      }
      lag += this.#source(id, role, name)?.lag ?? 0
      answered.push(id)
    }
    return { result, lag, tasks: answered }
  }

  /** Damage that only queries meet must be repaired too; until then the store is unavailable. */
  #noted(error: unknown): unknown {
    if (!(error instanceof StoreCorruptedError)) return error
    this.#thread.storeDamaged(error)
    return new StoreUnavailableError(`store ${error.storeName} is damaged in task ${error.taskId}: it will be restored`)
  }

  /** null: not open here in that role. */
  #source(taskId: string, role: TaskRole, name: string): Source | null {
    if (taskId === GLOBAL_TASK_ID) return sourceOf(this.#thread.global.store(name), this.#thread.global.lag)
    if (role === 'active') {
      const open = this.#thread.tasks.get(taskId)
      return open === undefined ? null : sourceOf(storeIn(open.stores, name), open.task.lag)
    }
    const standby = this.#thread.standbys.get(taskId)
    if (standby === undefined) return null
    const lag = standby.reads.reduce((sum, read) => sum + read.progress().remaining, 0)
    return sourceOf(storeIn(standby.stores, name), lag)
  }

  /** A stored row as plain data. */
  plainJson(store: string, key: string, stored: unknown): string {
    const codec = this.#codec(store)
    return plainJson(plainRow(codec.spec, codec.decodeKey(key), stored))
  }

  /** The application's view of a stored row. */
  json(store: string, key: string, stored: unknown): string {
    const view = this.#views[store]
    if (view === undefined) throw new RangeError(`there is no view of store ${store}`)
    return JSON.stringify(view(this.#codec(store).decodeKey(key), stored))
  }

  #codec(store: string): StoreCodec {
    const codec = this.#codecs.get(store)
    if (codec === undefined) throw new NoSuchStoreError(store)
    return codec
  }
}

/** Rows of several sources in the store's order, at most as many as the question wants. */
export function mergeRows(sources: ReadonlyArray<readonly StoredRow[]>, question: RowsQuestion): readonly StoredRow[] {
  const [first] = sources
  if (question.type === 'as-of' || (sources.length === 1 && first !== undefined)) return sources.flat()
  const before = question.reverse ? 1 : -1
  return sources
    .flat()
    .sort((a, b) => (a.position < b.position ? before : a.position > b.position ? -before : 0))
    .slice(0, question.limit)
}

function storeIn(stores: readonly OpenStore[], name: string): ManagedStore | undefined {
  return stores.find(({ store }) => store.name === name)?.store
}

function sourceOf(store: ManagedStore | undefined, lag: number): Source | null {
  return store === undefined ? null : { store, lag }
}
