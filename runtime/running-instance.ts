import type { StoreSpec } from '../state/ports/store-spec.ts'
import type { Plan } from '../topology/plan.ts'
import { GLOBAL_TASK_ID } from './global-state.ts'
import { mergeRows } from './local-thread.ts'
import { partitionForKey } from './partitioner.ts'
import {
  type InstanceState,
  type QueryAnswer,
  type ScanOptions,
  StoreUnavailableError,
  type StreamsInstance,
  type TaskStatus,
} from './ports/instance.ts'
import type { Assignment, GroupMembership, MembershipListener } from './ports/membership.ts'
import type { MetricFamily } from './ports/metrics.ts'
import { compareTaskIds, taskId } from './task-id.ts'
import type { ThreadControl } from './thread-control.ts'

export interface RunningInstanceOptions {
  readonly plan: Plan
  /** All tasks there are, in the whole application. */
  readonly allTasks: readonly string[]
  readonly threads: readonly ThreadControl[]
  readonly membership: GroupMembership
  /** Called last, to close what the instance stands on. */
  readonly onClosed?: () => Promise<void>
}

/*
 * Owns the state of one application instance: the membership on one side, the stream threads on the other.
 * 1. A rebalance passes only when every thread has released its tasks (design 5).
 * 2. When one thread stops with an error the instance closes the others and stops with that error.
 * 3. A query is answered by open tasks only, and by all it needs: else StoreUnavailableError.
 * 4. Tasks are dealt to threads so that every subtopology is spread evenly and the same input gives the same deal.
 */
export class RunningInstance implements StreamsInstance, MembershipListener {
  readonly stopped: Promise<Error | null>
  readonly #options: RunningInstanceOptions
  #state: InstanceState = 'CREATED'
  #owners = new Map<string, ThreadControl>()
  #rebalances = 0
  #stop: (error: Error | null) => void = () => undefined
  #closing: Promise<void> | null = null

  constructor(options: RunningInstanceOptions) {
    this.#options = options
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve
    })
    for (const thread of options.threads) {
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
  }

  state(): InstanceState {
    if (this.#state === 'RUNNING' && !this.#options.threads.every((thread) => thread.isReady())) return 'REBALANCING'
    return this.#state
  }

  async onRevoked(): Promise<void> {
    this.#toRebalancing()
    this.#owners = new Map()
    await Promise.all(this.#options.threads.map((thread) => thread.revoke()))
  }

  async onAssigned(assignment: Assignment): Promise<void> {
    this.#rebalances++
    const group = this.#options.membership.current()
    if (group === null) return
    const { threads } = this.#options
    const shares: string[][] = threads.map(() => [])
    const owners = new Map<string, ThreadControl>()
    for (const [i, task] of [...assignment.tasks].sort(compareTaskIds).entries()) {
      shares[i % threads.length]?.push(task)
      owners.set(task, threads[i % threads.length] as ThreadControl)
    }
    this.#owners = owners
    await Promise.all(threads.map((thread, i) => thread.assign(shares[i] ?? [], group)))
    if (this.#state === 'REBALANCING') this.#state = 'RUNNING'
  }

  async onLost(_reason: string): Promise<void> {
    this.#toRebalancing()
    this.#owners = new Map()
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

  async get(store: string, key: unknown): Promise<QueryAnswer<unknown>> {
    const { subtopology, keySerde } = this.#locate(store)
    const count = this.#tasksOf(subtopology).length
    const id =
      subtopology === null ? GLOBAL_TASK_ID : taskId(subtopology, partitionForKey(keySerde.serialize('', key), count))
    const owner = subtopology === null ? this.#options.threads[0] : this.#owners.get(id)
    const answer = await owner?.get(id, store, key)
    const isStill = subtopology === null || this.#owners.get(id) === owner
    if (answer == null || !isStill)
      throw new StoreUnavailableError(`store ${store} is not ready: task ${id} is restoring or elsewhere`)
    return answer
  }

  async scan(
    store: string,
    options: ScanOptions,
  ): Promise<QueryAnswer<ReadonlyArray<readonly [key: unknown, value: unknown]>>> {
    const { subtopology } = this.#locate(store)
    const owners = this.#owners
    const threads = subtopology === null ? this.#options.threads.slice(0, 1) : this.#options.threads
    const answers = await Promise.all(threads.map((thread) => thread.scan(store, options)))
    const answered = new Set(answers.flatMap(({ tasks }) => tasks))
    const needed = subtopology === null ? [GLOBAL_TASK_ID] : this.#tasksOf(subtopology)
    const isOwned = this.#owners === owners && (subtopology === null || needed.every((id) => owners.has(id)))
    if (!isOwned || !needed.every((id) => answered.has(id))) {
      throw new StoreUnavailableError(`store ${store} is not ready: some tasks are restoring or elsewhere`)
    }
    const rows = mergeRows(
      answers.map(({ result }) => result),
      options,
    )
    return {
      result: rows.map(({ key, value }) => [key, value] as const),
      lag: answers.reduce((sum, { lag }) => sum + lag, 0),
    }
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

  #toRebalancing(): void {
    if (this.#state === 'RUNNING') this.#state = 'REBALANCING'
  }

  /** Of a subtopology, in the whole application. */
  #tasksOf(subtopology: number | null): readonly string[] {
    return subtopology === null ? [] : this.#options.allTasks.filter((id) => id.startsWith(`${subtopology}_`))
  }

  /** Subtopology null: a global store, the same in every thread. */
  #locate(store: string): { readonly subtopology: number | null; readonly keySerde: StoreSpec['keySerde'] } {
    const { subtopologies, globalStores } = this.#options.plan
    for (const { id, stores } of subtopologies) {
      for (const { spec } of stores) if (spec.name === store) return { subtopology: id, keySerde: spec.keySerde }
    }
    for (const { spec } of globalStores.map((global) => global.store)) {
      if (spec.name === store) return { subtopology: null, keySerde: spec.keySerde }
    }
    throw new RangeError(`no store named ${store}`)
  }

  /** Every step is taken, whatever became of the one before: nothing may be left running or in the group. */
  async #shutDown(failure: Error | null): Promise<void> {
    this.#state = 'PENDING_SHUTDOWN'
    this.#owners = new Map()
    let error = failure
    const { threads, membership, onClosed } = this.#options
    const attempt = async (step: () => Promise<unknown>): Promise<void> => {
      try {
        const outcome = await step()
        if (outcome instanceof Error) error ??= outcome
      } catch (cause) {
        error ??= cause instanceof Error ? cause : new Error(String(cause))
      }
    }
    await Promise.all(threads.map((thread) => attempt(() => thread.close())))
    for (const thread of threads) await attempt(() => thread.stopped)
    await attempt(() => membership.leave())
    await attempt(async () => onClosed?.())
    this.#state = error === null ? 'NOT_RUNNING' : 'ERROR'
    this.#stop(error)
  }
}
