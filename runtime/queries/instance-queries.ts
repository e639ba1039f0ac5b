import type { Plan } from '../../topology/plan.ts'
import type { Clock } from '../ports/clock.ts'
import {
  type IndexQuery,
  isUnavailable,
  type KeyQueryMetadata,
  type MinOffset,
  type QueryAnswer,
  type ReadOptions,
  type RowWatch,
  type StoreScan,
  StoreUnavailableError,
} from '../ports/instance.ts'
import type { LogAdmin } from '../ports/log.ts'
import { StandbyLag } from '../restore/standby-lag.ts'
import type { StoreDirectory, StorePlace } from '../restore/store-directory.ts'
import { InputLineage } from '../task/input-lineage.ts'
import type { InputOffset, TasksAnswer, ThreadControl, ThreadShare } from '../thread/thread-control.ts'
import { mergeRows } from './store-reads.ts'

export interface InstanceQueriesOptions {
  readonly plan: Plan
  readonly admin: LogAdmin
  readonly clock: Clock
  readonly threads: readonly ThreadControl[]
  readonly directory: StoreDirectory
  /** Active task -> its thread. Another map whenever something has moved. */
  readonly owners: () => ReadonlyMap<string, ThreadControl>
  /** Standby task -> index of its thread. */
  readonly standby: () => ReadonlyMap<string, number>
}

interface OpenWatch {
  readonly taskId: string
  readonly owner: ThreadControl
  readonly end: () => void
}

/** What a query reads. */
interface Wanted {
  readonly store: string
  readonly partitions: readonly number[] | undefined
  readonly allowStale: boolean
}

/** Reads a thread's share of it. */
type ThreadRead<T> = (thread: ThreadControl, share: ThreadShare) => Promise<TasksAnswer<T>>

/*
 * Queries of one instance: to the threads that have the tasks, and back. Owns the rows that are watched.
 * 1. A query is answered by open tasks (or standbys, when it says so) only, and by all it needs: else StoreUnavailableError.
 * 2. A task that went elsewhere while it was asked has not answered: others may have written since. Watches of it end.
 */
export class InstanceQueries {
  readonly #options: InstanceQueriesOptions
  readonly #standbyLag: StandbyLag
  readonly #lineage: InputLineage
  readonly #watches = new Set<OpenWatch>()

  constructor(options: InstanceQueriesOptions) {
    const { plan, admin, clock, threads, directory } = options
    this.#options = options
    this.#standbyLag = new StandbyLag({
      groupId: plan.applicationId,
      admin,
      sourcesOf: (taskId) => directory.sourcesOf(taskId),
      positions: async () => (await Promise.all(threads.map((thread) => thread.positions()))).flat(),
    })
    const partitionsOf = (topic: string) => directory.partitionsOf(topic)
    this.#lineage = new InputLineage({ plan, admin, clock, partitionsOf })
  }

  /** Active tasks may have other threads, or none. */
  tasksMoved(): void {
    const owners = this.#options.owners()
    for (const watch of this.#watches) if (owners.get(watch.taskId) !== watch.owner) watch.end()
  }

  /** What was watched there is watched by nobody now. */
  threadReplaced(thread: ThreadControl): void {
    for (const watch of this.#watches) if (watch.owner === thread) watch.end()
  }

  async watch(store: string, key: unknown, onChange: (row: QueryAnswer<string | null>) => void): Promise<RowWatch> {
    const place = this.#options.directory.place(store)
    const taskId = place.tasks[this.#options.directory.partitionOf(place, key)] as string
    const owner = this.#options.owners().get(taskId)
    const row = await owner?.watch({ taskId, store, key }, onChange)
    if (row == null || owner === undefined || this.#options.owners().get(taskId) !== owner) {
      row?.remove()
      throw unavailable(store, [taskId])
    }
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    const end = (): void => {
      if (!this.#watches.delete(watch)) return
      row.remove()
      resolve()
    }
    const watch: OpenWatch = { taskId, owner, end }
    this.#watches.add(watch)
    return { first: row.first, ended, close: end }
  }

  get(store: string, key: unknown, options: ReadOptions = {}): Promise<QueryAnswer<unknown>> {
    return this.#get(store, key, options, false)
  }

  async getJson(store: string, key: unknown, options: ReadOptions = {}): Promise<QueryAnswer<string | null>> {
    return (await this.#get(store, key, options, true)) as QueryAnswer<string | null>
  }

  keptJson(store: string, key: unknown): QueryAnswer<string | null> | null {
    const owners = this.#options.owners()
    for (const thread of this.#options.threads) {
      const answer = thread.kept(store, key)
      // Invariant 2.
      if (answer !== null && owners.get(answer.taskId) === thread) return answer
    }
    return null
  }

  async #get(store: string, key: unknown, options: ReadOptions, asJson: boolean): Promise<QueryAnswer<unknown>> {
    const place = this.#options.directory.place(store)
    const taskId = place.tasks[this.#options.directory.partitionOf(place, key)] as string
    const owner = this.#ownerOf(taskId, place)
    const answer = await owner?.get({ taskId, store, key, role: 'active', asJson })
    // Invariant 2.
    if (answer != null && this.#ownerOf(taskId, place) === owner) return answer
    if (options.allowStale === true) {
      const follower = this.#options.threads[this.#options.standby().get(taskId) ?? -1]
      const copy = await follower?.get({ taskId, store, key, role: 'standby', asJson })
      if (copy != null) return { result: copy.result, lag: await this.#standbyLag.of(taskId, place) }
    }
    throw unavailable(store, [taskId])
  }

  #ownerOf(taskId: string, place: StorePlace): ThreadControl | undefined {
    return place.isGlobal ? this.#options.threads[0] : this.#options.owners().get(taskId)
  }

  async scan(
    store: string,
    { partitions, allowStale = false, ...options }: StoreScan,
  ): Promise<QueryAnswer<ReadonlyArray<readonly [key: unknown, value: unknown]>>> {
    const answers = await this.#fromTasks({ store, partitions, allowStale }, (thread, share) =>
      thread.scan({ ...share, options }),
    )
    const rows = mergeRows(
      answers.map(({ result }) => result),
      options,
    )
    return { result: rows.map(({ key, value }) => [key, value] as const), lag: lagOf(answers) }
  }

  async ask(
    store: string,
    { question, params, partitions, allowStale = false }: IndexQuery,
  ): Promise<QueryAnswer<readonly unknown[]>> {
    const answers = await this.#fromTasks({ store, partitions, allowStale }, (thread, share) =>
      thread.ask({ ...share, question, params }),
    )
    return { result: answers.flatMap(({ result }) => result), lag: lagOf(answers) }
  }

  /** Answers that together are of every partition wanted (invariant 3). */
  async #fromTasks<T>(
    { store, partitions, allowStale }: Wanted,
    read: ThreadRead<T>,
  ): Promise<readonly TasksAnswer<T>[]> {
    const place = this.#options.directory.place(store)
    const tasks = partitions?.map((partition) => place.tasks[partition] ?? '') ?? place.tasks
    if (!allowStale) return await this.#fromActive(place, { store, tasks }, read)
    return (await Promise.all(tasks.map((taskId) => this.#fromEither(place, store, taskId, read)))).flat()
  }

  async #fromActive<T>(
    place: StorePlace,
    share: Omit<ThreadShare, 'role'>,
    read: ThreadRead<T>,
  ): Promise<readonly TasksAnswer<T>[]> {
    const owners = this.#options.owners()
    const threads = place.isGlobal ? this.#options.threads.slice(0, 1) : this.#options.threads
    const answers = await Promise.all(threads.map((thread) => read(thread, { ...share, role: 'active' })))
    const answered = new Set(answers.flatMap(({ tasks }) => tasks))
    const isOwned = place.isGlobal || (this.#options.owners() === owners && share.tasks.every((id) => owners.has(id)))
    if (!isOwned || !share.tasks.every((id) => answered.has(id))) throw unavailable(share.store, share.tasks)
    return answers
  }

  async #fromEither<T>(
    place: StorePlace,
    store: string,
    taskId: string,
    read: ThreadRead<T>,
  ): Promise<readonly TasksAnswer<T>[]> {
    const share = { store, tasks: [taskId] }
    try {
      return await this.#fromActive(place, share, read)
    } catch (error) {
      if (!isUnavailable(error)) throw error
      const follower = this.#options.threads[this.#options.standby().get(taskId) ?? -1]
      const answer = follower === undefined ? undefined : await read(follower, { ...share, role: 'standby' })
      if (answer === undefined || answer.tasks.length === 0) throw unavailable(store, [taskId])
      return [{ ...answer, lag: await this.#standbyLag.of(taskId, place) }]
    }
  }

  async sourceOffsets(
    store: string,
    offsets: readonly MinOffset[],
    timeoutMs: number,
  ): Promise<readonly MinOffset[] | null> {
    const { subtopology } = this.#options.directory.place(store)
    // A global store is read by every process for itself, and behind nobody's commits.
    if (subtopology === null) throw new RangeError(`${store} is a global store, which follows no input offsets`)
    return await this.#lineage.sourceOffsets(subtopology, offsets, this.#options.clock.monotonic() + timeoutMs)
  }

  async passed(
    store: string,
    offsets: readonly MinOffset[],
    { partitions, timeoutMs }: { readonly partitions: readonly number[]; readonly timeoutMs: number },
  ): Promise<boolean> {
    const { tasks } = this.#options.directory.place(store)
    const input = partitions.flatMap((index) => {
      const taskId = tasks[index] ?? ''
      const sources = this.#options.directory.sourcesOf(taskId)
      const isRead = ({ topic, partition }: MinOffset): boolean =>
        sources.some((source) => source.topic === topic && source.partition === partition)
      return offsets.filter(isRead).map((offset): InputOffset => ({ ...offset, taskId }))
    })
    const waits = [...Map.groupBy(input, ({ taskId }) => this.#options.owners().get(taskId))].map(([owner, own]) =>
      owner === undefined ? false : owner.passed(own, timeoutMs),
    )
    return (await Promise.all(waits)).every((isPassed) => isPassed)
  }

  queryMetadataForKey(store: string, key: unknown): KeyQueryMetadata {
    const place = this.#options.directory.place(store)
    return this.#options.directory.metadata(place, this.#options.directory.partitionOf(place, key))
  }

  streamsMetadataForStore(store: string): readonly KeyQueryMetadata[] {
    const place = this.#options.directory.place(store)
    return place.tasks.map((_, partition) => this.#options.directory.metadata(place, partition))
  }
}

function unavailable(store: string, tasks: readonly string[]): StoreUnavailableError {
  return new StoreUnavailableError(`store ${store} is not ready: ${tasks.join(', ')} restoring or elsewhere`)
}

function lagOf(answers: readonly TasksAnswer<unknown>[]): number {
  return answers.reduce((sum, { lag }) => sum + lag, 0)
}
