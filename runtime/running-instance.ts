import type { Plan } from '../topology/plan.ts'
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
 * 3. Tasks are dealt to threads so that every subtopology is spread evenly and the same input gives the same deal.
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
    await this.#options.membership.join(this)
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
    const { subtopology, serialized } = this.#locate(store, key)
    const count = this.#options.allTasks.filter((id) => id.startsWith(`${subtopology}_`)).length
    const id = taskId(subtopology, partitionForKey(serialized, count))
    const answer = await this.#owners.get(id)?.get(id, store, key)
    if (answer == null)
      throw new StoreUnavailableError(`store ${store} is not ready: task ${id} is restoring or elsewhere`)
    return answer
  }

  async scan(
    store: string,
    options: ScanOptions,
  ): Promise<QueryAnswer<ReadonlyArray<readonly [key: unknown, value: unknown]>>> {
    const { subtopology } = this.#locate(store, null)
    const needed = this.#options.allTasks.filter((id) => id.startsWith(`${subtopology}_`))
    if (this.state() !== 'RUNNING' || !needed.every((id) => this.#owners.has(id))) {
      throw new StoreUnavailableError(`store ${store} is not ready: some tasks are restoring or elsewhere`)
    }
    const answers = await Promise.all(this.#options.threads.map((thread) => thread.scan(store, options)))
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

  #locate(store: string, key: unknown): { subtopology: number; serialized: string | Buffer } {
    for (const { id, stores } of this.#options.plan.subtopologies) {
      for (const { spec } of stores) {
        if (spec.name === store) {
          return { subtopology: id, serialized: key === null ? '' : spec.keySerde.serialize('', key) }
        }
      }
    }
    throw new RangeError(`no store named ${store}`)
  }

  async #shutDown(failure: Error | null): Promise<void> {
    this.#state = 'PENDING_SHUTDOWN'
    let error = failure
    try {
      await Promise.all(this.#options.threads.map((thread) => thread.close()))
      for (const thread of this.#options.threads) error ??= await thread.stopped
      await this.#options.membership.leave()
      await this.#options.onClosed?.()
    } catch (closing) {
      error ??= closing instanceof Error ? closing : new Error(String(closing))
    }
    this.#state = error === null ? 'NOT_RUNNING' : 'ERROR'
    this.#stop(error)
  }
}
