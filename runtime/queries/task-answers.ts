import { groupedBy } from '../../state/grouped-by.ts'
import type { StoreQuestion } from '../../state/ports/questions.ts'
import { isUnavailable, type QueryAnswer, StoreUnavailableError } from '../ports/instance.ts'
import type { StandbyLag } from '../restore/standby-lag.ts'
import type { StoreDirectory, StorePlace } from '../restore/store-directory.ts'
import type { GotRow, StoreAnswer, TasksAnswer, ThreadControl, ThreadGet } from '../thread/thread-control.ts'

export interface TaskAnswersOptions {
  readonly threads: readonly ThreadControl[]
  readonly directory: StoreDirectory
  /** Active task -> its thread. A new map after every move. */
  readonly owners: () => ReadonlyMap<string, ThreadControl>
  /** Standby task -> index of its thread. */
  readonly standby: () => ReadonlyMap<string, number>
  readonly standbyLag: StandbyLag
}

export interface Wanted {
  readonly partitions?: readonly number[] | undefined
  readonly allowStale?: boolean
}

interface Answers {
  readonly answers: readonly TasksAnswer<StoreAnswer>[]
  /** The partitions of these rows. */
  readonly partitions: readonly number[]
}

/*
 * Takes questions to the threads that have the tasks.
 * 1. Answers come from open tasks (or standbys, when stale ones will do) only, and from all that are needed: else StoreUnavailableError.
 * 2. A task that went elsewhere while it was asked has not answered: others may have written since.
 */
export class TaskAnswers {
  readonly #options: TaskAnswersOptions

  constructor(options: TaskAnswersOptions) {
    this.#options = options
  }

  async get(place: StorePlace, read: Omit<ThreadGet, 'role'>, allowStale: boolean): Promise<QueryAnswer<GotRow>> {
    const { taskId } = read
    const owner = this.#ownerOf(taskId, place)
    const answer = await owner?.get({ ...read, role: 'active' })
    // Invariant 2.
    if (answer != null && this.#ownerOf(taskId, place) === owner) return answer
    const copy = allowStale ? await this.#follower(taskId)?.get({ ...read, role: 'standby' }) : null
    if (copy == null) throw this.unavailable(place, [taskId])
    return { result: copy.result, lag: await this.#options.standbyLag.of(taskId, place) }
  }

  /** Without `partitions` it asks those that this process has by the last assignment. */
  async ofStore(
    place: StorePlace,
    question: StoreQuestion,
    { partitions, allowStale = false }: Wanted,
  ): Promise<Answers> {
    const wanted = partitions ?? this.#local(place, allowStale)
    const tasks = wanted.map((partition) => place.tasks[partition] ?? '')
    const answers = allowStale
      ? (await Promise.all(tasks.map((taskId) => this.#fromEither(place, taskId, question)))).flat()
      : await this.#fromActive(place, tasks, question)
    return { answers, partitions: wanted }
  }

  /** Names the tasks that did not answer, and their owners. */
  unavailable({ codec, tasks, isGlobal }: StorePlace, missing: readonly string[]): StoreUnavailableError {
    const { name } = codec.spec
    if (isGlobal) return new StoreUnavailableError(`store ${name} is not ready: it is still read from its topic`)
    const place = this.#options.directory.place(name)
    const reasons = missing.map((taskId) => {
      const partition = tasks.indexOf(taskId)
      if (partition < 0) return 'there is no such partition'
      const { active } = this.#options.directory.metadata(place, partition)
      if (active === null) return `no instance runs task ${taskId} at the moment`
      if (active.isLocal) return `task ${taskId} is restoring or moving`
      return `task ${taskId} is run by ${active.endpoint ?? `process ${active.processId}`}`
    })
    return new StoreUnavailableError(`store ${name} is not ready: ${reasons.join(', ')}`)
  }

  /** Partitions whose tasks this process has. */
  #local(place: StorePlace, allowStale: boolean): readonly number[] {
    const partitions = [...place.tasks.keys()].filter((partition) => {
      const { active, standbys } = this.#options.directory.metadata(place, partition)
      return active?.isLocal === true || (allowStale && standbys.some(({ isLocal }) => isLocal))
    })
    if (partitions.length > 0) return partitions
    throw new StoreUnavailableError(
      `store ${place.codec.spec.name} is not ready: this process runs none of its tasks at the moment`,
    )
  }

  #ownerOf(taskId: string, place: StorePlace): ThreadControl | undefined {
    return place.isGlobal ? this.#options.threads[0] : this.#options.owners().get(taskId)
  }

  #follower(taskId: string): ThreadControl | undefined {
    return this.#options.threads[this.#options.standby().get(taskId) ?? -1]
  }

  async #fromActive(
    place: StorePlace,
    tasks: readonly string[],
    question: StoreQuestion,
  ): Promise<readonly TasksAnswer<StoreAnswer>[]> {
    const store = place.codec.spec.name
    const byThread = groupedBy(tasks, (taskId) => this.#ownerOf(taskId, place))
    const nobodys = byThread.get(undefined) ?? []
    if (nobodys.length > 0) throw this.unavailable(place, nobodys)
    const answers = await Promise.all(
      [...byThread].map(([thread, own]) =>
        thread?.ask({ type: 'query', read: { store, tasks: own, role: 'active', question } }),
      ),
    )
    const given = answers.filter((answer) => answer !== undefined)
    const answered = new Set(given.flatMap((answer) => answer.tasks))
    // Invariant 2.
    for (const [thread, own] of byThread) {
      for (const taskId of own) if (this.#ownerOf(taskId, place) !== thread) answered.delete(taskId)
    }
    const missing = tasks.filter((taskId) => !answered.has(taskId))
    if (missing.length > 0) throw this.unavailable(place, missing)
    return given
  }

  async #fromEither(
    place: StorePlace,
    taskId: string,
    question: StoreQuestion,
  ): Promise<readonly TasksAnswer<StoreAnswer>[]> {
    try {
      return await this.#fromActive(place, [taskId], question)
    } catch (error) {
      if (!isUnavailable(error)) throw error
      const store = place.codec.spec.name
      const read = { store, tasks: [taskId], role: 'standby', question } as const
      const answer = await this.#follower(taskId)?.ask({ type: 'query', read })
      if (answer === undefined || answer.tasks.length === 0) throw this.unavailable(place, [taskId])
      return [{ ...answer, lag: await this.#options.standbyLag.of(taskId, place) }]
    }
  }
}
