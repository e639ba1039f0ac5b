import type { Plan } from '../topology/plan.ts'
import { asError } from './failure-log.ts'
import { HeldState } from './held-state.ts'
import { InputLineage } from './input-lineage.ts'
import { InputTopicChangedError, type InputWatch } from './input-watch.ts'
import type { Clock } from './ports/clock.ts'
import {
  type IndexQuery,
  type InstanceState,
  isUnavailable,
  type KeyQueryMetadata,
  type MinOffset,
  type QueryAnswer,
  type ReadOptions,
  type StoreScan,
  StoreUnavailableError,
  type StreamsInstance,
  type TaskStatus,
} from './ports/instance.ts'
import type { LogAdmin } from './ports/log.ts'
import type {
  Assignment,
  GroupMembership,
  MembershipListener,
  StateReport,
  TaskPartitions,
} from './ports/membership.ts'
import type { MetricFamily } from './ports/metrics.ts'
import { StandbyLag } from './standby-lag.ts'
import type { StateCleanup } from './state-cleanup.ts'
import { StoreDirectory, type StorePlace } from './store-directory.ts'
import { mergeRows } from './store-reads.ts'
import { compareTaskIds } from './task-id.ts'
import type { InputOffset, TaskPosition, TasksAnswer, ThreadControl, ThreadShare } from './thread-control.ts'
import { dealToThreads } from './thread-shares.ts'

export interface RunningInstanceOptions {
  readonly plan: Plan
  /** All tasks there are, in the whole application. */
  readonly tasks: readonly TaskPartitions[]
  /** Under which the group knows this process. */
  readonly processId: string
  readonly threads: readonly ThreadControl[]
  readonly membership: GroupMembership
  readonly clock: Clock
  /** For estimates of lag: one that gives up soon, as rebalances wait for them. */
  readonly admin: LogAdmin
  /** State that earlier runs left on disk. */
  readonly leftOver?: readonly TaskPosition[]
  /** Stops the instance when the input is not what it was laid over. */
  readonly inputs?: InputWatch
  /** Removes what tasks leave behind that do not come back. Its onRemoved must call stateRemoved(). */
  readonly cleanup?: StateCleanup
  /** Called last, to close what the instance stands on. */
  readonly onClosed?: () => Promise<void>
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
 * Owns the state of one application instance: the membership on one side, the stream threads on the other.
 * 1. A rebalance passes only when every active task that goes has been released (design 5); those that stay keep running.
 * 2. When one thread stops with an error the instance closes the others and stops with that error.
 * 3. A query is answered by open tasks (or standbys, when it says so) only, and by all it needs: else StoreUnavailableError.
 * 4. A task is handed from one thread to another, or changes between active and standby, only when whoever had it has
 *    closed its stores: first everybody releases, then everybody opens.
 */
export class RunningInstance implements StreamsInstance, MembershipListener {
  readonly stopped: Promise<Error | null>
  readonly #options: RunningInstanceOptions
  #state: InstanceState = 'CREATED'
  readonly #held: HeldState
  readonly #directory: StoreDirectory
  readonly #standbyLag: StandbyLag
  readonly #lineage: InputLineage
  /** Active task -> its thread. A new map whenever something has moved. */
  #owners: ReadonlyMap<string, ThreadControl> = new Map()
  #active: ReadonlyMap<string, number> = new Map()
  #standby: ReadonlyMap<string, number> = new Map()
  #rebalances = 0
  #stop: (error: Error | null) => void = () => undefined
  #closing: Promise<void> | null = null

  constructor(options: RunningInstanceOptions) {
    this.#options = options
    const { plan, tasks, processId, admin, threads, clock } = options
    this.#held = new HeldState(admin, options.leftOver ?? [])
    this.#directory = new StoreDirectory(plan, tasks, processId)
    this.#standbyLag = new StandbyLag({
      groupId: plan.applicationId,
      admin,
      sourcesOf: (taskId) => this.#directory.sourcesOf(taskId),
      positions: async () => (await Promise.all(threads.map((thread) => thread.positions()))).flat(),
    })
    const partitionsOf = (topic: string) => this.#directory.partitionsOf(topic)
    this.#lineage = new InputLineage({ plan, admin, clock, partitionsOf })
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve
    })
    for (const thread of threads) {
      void thread.stopped.then((error) => {
        if (error !== null) this.onFatal(error)
      })
    }
  }

  /** Joins the group; resolves when the first assignment is handed over (stores may still restore). */
  async start(): Promise<void> {
    this.#state = 'REBALANCING'
    try {
      await this.#options.membership.join(this)
    } catch (error) {
      this.onFatal(error instanceof Error ? error : new Error(String(error)))
      await this.#closing
      throw error
    }
    const { inputs, cleanup } = this.#options
    void cleanup?.run()
    inputs?.changed().then(
      (change) => {
        if (change !== null) this.onFatal(change)
      },
      (error: unknown) => this.onFatal(asError(error)),
    )
  }

  /** State that is not on disk any more. */
  stateRemoved(taskId: string): void {
    this.#held.forget(taskId)
  }

  state(): InstanceState {
    if (this.#state === 'RUNNING' && !this.#options.threads.every((thread) => thread.isReady())) return 'REBALANCING'
    return this.#state
  }

  async report(): Promise<StateReport> {
    const positions = await Promise.all(this.#options.threads.map((thread) => thread.positions()))
    this.#held.note(positions.flat())
    const active = [...this.#active.keys()].sort(compareTaskIds)
    return { active, lags: await this.#held.lags(new Set(active)) }
  }

  async onAssigned(assignment: Assignment): Promise<void> {
    this.#rebalances++
    this.#directory.note(assignment)
    const { active, standby } = assignment
    const { threads, membership, cleanup } = this.#options
    await cleanup?.opening([...active, ...standby])
    const homes = new Map([...this.#standby, ...this.#active])
    const next = {
      active: dealToThreads(active, threads.length, homes),
      standby: dealToThreads(standby, threads.length, homes),
    }
    const staying = { active: common(this.#active, next.active), standby: common(this.#standby, next.standby) }
    // Invariant 4.
    if (await this.#carryOut(staying.active, staying.standby)) {
      if (await this.#carryOut(next.active, next.standby)) cleanup?.settled([...active, ...standby])
    }
    if (this.#state === 'REBALANCING' && membership.current() !== null) this.#state = 'RUNNING'
  }

  /** False when the member has left or lost the generation meanwhile. */
  async #carryOut(active: ReadonlyMap<string, number>, standby: ReadonlyMap<string, number>): Promise<boolean> {
    const { threads, membership } = this.#options
    const group = membership.current()
    if (group === null || this.#closing !== null) return false
    const moved = active.size !== this.#active.size || common(active, this.#active).size !== active.size
    this.#active = active
    this.#standby = standby
    if (moved) {
      this.#owners = new Map([...active].map(([id, thread]) => [id, threads[thread] as ThreadControl]))
    }
    const shareOf = (all: ReadonlyMap<string, number>, index: number): string[] =>
      [...all].filter(([, thread]) => thread === index).map(([id]) => id)
    await Promise.all(
      threads.map((thread, index) => thread.assign(shareOf(active, index), shareOf(standby, index), group)),
    )
    return true
  }

  async onLost(_reason: string): Promise<void> {
    if (this.#state === 'RUNNING') this.#state = 'REBALANCING'
    this.#active = new Map()
    this.#owners = new Map()
    this.#options.cleanup?.lost()
    await Promise.all(this.#options.threads.map((thread) => thread.lost()))
  }

  onFatal(error: Error): void {
    if (this.#closing !== null) return
    this.#closing = this.#shutDown(error)
  }

  async close(): Promise<void> {
    this.#closing ??= this.#shutDown(null)
    await this.#closing
  }

  get(store: string, key: unknown, options: ReadOptions = {}): Promise<QueryAnswer<unknown>> {
    return this.#get(store, key, options, false)
  }

  async getJson(store: string, key: unknown, options: ReadOptions = {}): Promise<QueryAnswer<string | null>> {
    return (await this.#get(store, key, options, true)) as QueryAnswer<string | null>
  }

  async #get(store: string, key: unknown, options: ReadOptions, asJson: boolean): Promise<QueryAnswer<unknown>> {
    const place = this.#directory.place(store)
    const taskId = place.tasks[this.#directory.partitionOf(place, key)] as string
    const owner = this.#ownerOf(taskId, place)
    const answer = await owner?.get({ taskId, store, key, role: 'active', asJson })
    if (answer != null && this.#ownerOf(taskId, place) === owner) return answer
    if (options.allowStale === true) {
      const follower = this.#options.threads[this.#standby.get(taskId) ?? -1]
      const copy = await follower?.get({ taskId, store, key, role: 'standby', asJson })
      if (copy != null) return { result: copy.result, lag: await this.#standbyLag.of(taskId, place) }
    }
    throw unavailable(store, [taskId])
  }

  #ownerOf(taskId: string, place: StorePlace): ThreadControl | undefined {
    return place.isGlobal ? this.#options.threads[0] : this.#owners.get(taskId)
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
    const place = this.#directory.place(store)
    const tasks = partitions?.map((partition) => place.tasks[partition] ?? '') ?? place.tasks
    if (!allowStale) return await this.#fromActive(place, { store, tasks }, read)
    return (await Promise.all(tasks.map((taskId) => this.#fromEither(place, store, taskId, read)))).flat()
  }

  async #fromActive<T>(
    place: StorePlace,
    share: Omit<ThreadShare, 'role'>,
    read: ThreadRead<T>,
  ): Promise<readonly TasksAnswer<T>[]> {
    const owners = this.#owners
    const threads = place.isGlobal ? this.#options.threads.slice(0, 1) : this.#options.threads
    const answers = await Promise.all(threads.map((thread) => read(thread, { ...share, role: 'active' })))
    const answered = new Set(answers.flatMap(({ tasks }) => tasks))
    const isOwned = place.isGlobal || (this.#owners === owners && share.tasks.every((id) => owners.has(id)))
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
      const follower = this.#options.threads[this.#standby.get(taskId) ?? -1]
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
    const { subtopology } = this.#directory.place(store)
    // A global store is read by every process for itself, and behind nobody's commits.
    if (subtopology === null) throw new RangeError(`${store} is a global store, which follows no input offsets`)
    return await this.#lineage.sourceOffsets(subtopology, offsets, this.#options.clock.monotonic() + timeoutMs)
  }

  async passed(
    store: string,
    offsets: readonly MinOffset[],
    { partitions, timeoutMs }: { readonly partitions: readonly number[]; readonly timeoutMs: number },
  ): Promise<boolean> {
    const { tasks } = this.#directory.place(store)
    const input = partitions.flatMap((index) => {
      const taskId = tasks[index] ?? ''
      const sources = this.#directory.sourcesOf(taskId)
      const isRead = ({ topic, partition }: MinOffset): boolean =>
        sources.some((source) => source.topic === topic && source.partition === partition)
      return offsets.filter(isRead).map((offset): InputOffset => ({ ...offset, taskId }))
    })
    const waits = [...Map.groupBy(input, ({ taskId }) => this.#owners.get(taskId))].map(([owner, own]) =>
      owner === undefined ? false : owner.passed(own, timeoutMs),
    )
    return (await Promise.all(waits)).every((isPassed) => isPassed)
  }

  queryMetadataForKey(store: string, key: unknown): KeyQueryMetadata {
    const place = this.#directory.place(store)
    return this.#directory.metadata(place, this.#directory.partitionOf(place, key))
  }

  streamsMetadataForStore(store: string): readonly KeyQueryMetadata[] {
    const place = this.#directory.place(store)
    return place.tasks.map((_, partition) => this.#directory.metadata(place, partition))
  }

  async tasks(): Promise<readonly TaskStatus[]> {
    const all = (await Promise.all(this.#options.threads.map((thread) => thread.tasks()))).flat()
    return all.sort((a, b) => compareTaskIds(a.taskId, b.taskId))
  }

  async metrics(): Promise<readonly MetricFamily[]> {
    const families = (await Promise.all(this.#options.threads.map((thread) => thread.metrics()))).flat()
    return [
      ...families,
      {
        name: 'rebalances_total',
        help: 'Assignments received',
        type: 'counter',
        samples: [{ labels: {}, value: this.#rebalances }],
        histograms: [],
      },
    ]
  }

  /** Every step is taken, whatever became of the one before: nothing may be left running or in the group. */
  async #shutDown(failure: Error | null): Promise<void> {
    this.#state = 'PENDING_SHUTDOWN'
    this.#owners = new Map()
    let error = failure
    const { threads, membership, inputs, cleanup, onClosed } = this.#options
    inputs?.stop()
    cleanup?.stop()
    const attempt = async (step: () => Promise<unknown>): Promise<void> => {
      try {
        const outcome = await step()
        if (outcome instanceof Error) error ??= outcome
      } catch (cause) {
        error ??= cause instanceof Error ? cause : new Error(String(cause))
      }
    }
    // Offsets of a topic that is gone cannot be committed: the last epoch is dropped instead.
    if (failure instanceof InputTopicChangedError && failure.isGone) {
      await Promise.all(threads.map((thread) => attempt(() => thread.lost())))
    }
    await Promise.all(threads.map((thread) => attempt(() => thread.close())))
    await attempt(async () => cleanup?.opening([]))
    for (const thread of threads) await attempt(() => thread.stopped)
    await attempt(() => membership.leave())
    await attempt(async () => onClosed?.())
    this.#state = error === null ? 'NOT_RUNNING' : 'ERROR'
    this.#stop(error)
  }
}

/** Tasks that are on the same thread in both. */
function common(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...a].filter(([id, thread]) => b.get(id) === thread))
}

function unavailable(store: string, tasks: readonly string[]): StoreUnavailableError {
  return new StoreUnavailableError(`store ${store} is not ready: ${tasks.join(', ')} restoring or elsewhere`)
}

function lagOf(answers: readonly TasksAnswer<unknown>[]): number {
  return answers.reduce((sum, { lag }) => sum + lag, 0)
}
