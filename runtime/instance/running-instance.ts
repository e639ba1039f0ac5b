import { StreamsError } from '../../state/ports/errors.ts'
import type { Plan } from '../../topology/plan.ts'
import type { Clock } from '../ports/clock.ts'
import {
  type BrokerReach,
  type CloseOptions,
  type InstanceState,
  isCutOff,
  type StreamsInstance,
  type TaskStatus,
} from '../ports/instance.ts'
import type { InstanceListener } from '../ports/instance-events.ts'
import type { LogAdmin } from '../ports/log.ts'
import type {
  Assignment,
  GroupMembership,
  MembershipListener,
  StateReport,
  TaskPartitions,
} from '../ports/membership.ts'
import type { MetricFamily } from '../ports/metrics.ts'
import { DelegatedQueries } from '../queries/delegated-queries.ts'
import { InstanceQueries } from '../queries/instance-queries.ts'
import { HeldState } from '../restore/held-state.ts'
import { StateCleanup, type StateOnDisk } from '../restore/state-cleanup.ts'
import { StoreDirectory } from '../restore/store-directory.ts'
import { compareTaskIds } from '../task/task-id.ts'
import { asError } from '../thread/failure-log.ts'
import type { TaskPosition, ThreadControl } from '../thread/thread-control.ts'
import { InputTopicChangedError, InputWatch, type InputWatchOptions, MatchedTopicsChangedError } from './input-watch.ts'
import { ReplaceableThread, ThreadReplacedError } from './replaceable-thread.ts'
import { StateChanges } from './state-changes.ts'
import { summedFamilies } from './summed-families.ts'
import { ThreadChanges, type ThreadTransactions } from './thread-changes.ts'
import { dealToThreads } from './thread-shares.ts'
import { type UncaughtExceptionHandler, UncaughtExceptions } from './uncaught-exceptions.ts'

export interface RunningInstanceOptions {
  readonly plan: Plan
  /** All tasks there are, in the whole application. */
  readonly tasks: readonly TaskPartitions[]
  /** The process id in the group. */
  readonly processId: string
  /** Number of stream threads at the start. */
  readonly threads: number
  /** Default: threads have no transactions. */
  readonly transactions?: ThreadTransactions
  /** Called after the number of stream threads has changed. */
  readonly onThreads?: (threads: number) => void
  /** Makes the stream thread of that index, also as a replacement of a dead one. */
  readonly newThread: (index: number) => ThreadControl
  readonly membership: GroupMembership
  readonly clock: Clock
  /** An admin that gives up soon, for estimates of lag: rebalances wait for them. */
  readonly admin: LogAdmin
  /** How the brokers are reached; default: all answer. */
  readonly brokers?: () => BrokerReach
  /** State that earlier runs left on disk. */
  readonly leftOver?: readonly TaskPosition[]
  /** Input topics to watch: the instance stops when one is not what the tasks were made for. */
  readonly inputs?: InputWatchOptions['topics']
  /** Topics of the topology's patterns: the instance stops when they match others (MatchedTopicsChangedError). */
  readonly matched?: InputWatchOptions['matched']
  /** State on disk; the state of tasks that this process has not had for `delayMs` is removed. */
  readonly cleanup?: { readonly state: StateOnDisk; readonly delayMs: number }
  /** Decides what happens when a stream thread dies; default: the instance stops. */
  readonly uncaughtExceptionHandler?: UncaughtExceptionHandler | undefined
  /** Called for threads that died and are replaced (ThreadReplacedError), and for state that was, or could not be, removed. */
  readonly onEvent?: InstanceListener
  /** Called last, to close the resources under the instance. */
  readonly onClosed?: () => Promise<void>
}

/*
 * Owns one application instance: the membership on one side, the stream threads on the other, and what watches over both. The program,
 * the simulations and the tests give it other ports; they all run what is put together here.
 * 1. A rebalance passes only when every active task that goes has been released (architecture 5); those that stay keep running.
 * 2. When one thread stops with an error (and is not replaced) the instance closes the others and stops with that error; when the
 *    handler of uncaught exceptions says so it tells the group to stop as well, after its own last commits.
 * 3. A task moves from one thread to another, or changes between active and standby, only when its former thread has
 *    closed its stores: first all threads release, then all open.
 * 4. An instance that ends because its patterns match other topics is started again, and stays a member for that. A close() that comes
 *    before it has left its group decides otherwise: it ends as by any other close.
 */
export class RunningInstance extends DelegatedQueries implements StreamsInstance, MembershipListener {
  readonly stopped: Promise<Error | null>
  readonly #options: RunningInstanceOptions
  /** One list for the life of the instance: others look at it. */
  readonly #threads: ThreadControl[] = []
  readonly #uncaught: UncaughtExceptions
  readonly #threadChanges: ThreadChanges
  readonly #inputs: InputWatch | null
  readonly #cleanup: StateCleanup | null
  #state: InstanceState = 'CREATED'
  readonly #changes = new StateChanges(
    () => this.state(),
    (from, to) => this.#options.onEvent?.({ type: 'state', from, to }),
  )
  #isPaused = false
  readonly #held: HeldState
  readonly #directory: StoreDirectory
  readonly #queries: InstanceQueries
  /** Active task -> its thread. A new map after every move. */
  #owners: ReadonlyMap<string, ThreadControl> = new Map()
  #active: ReadonlyMap<string, number> = new Map()
  #standby: ReadonlyMap<string, number> = new Map()
  #rebalances = 0
  #stop: (error: Error | null) => void = () => undefined
  #closing: Promise<void> | null = null
  /** The first close() that somebody asked for. */
  #asked: CloseOptions | null = null

  constructor(options: RunningInstanceOptions) {
    super()
    this.#options = options
    const { plan, tasks, processId, admin, clock, inputs, cleanup } = options
    this.#uncaught = new UncaughtExceptions(options.uncaughtExceptionHandler, (error) =>
      options.onEvent?.({ type: 'listener-failed', error }),
    )
    this.#inputs =
      inputs === undefined ? null : new InputWatch({ topics: inputs, admin, clock, matched: options.matched })
    this.#cleanup = cleanup === undefined ? null : this.#newCleanup(cleanup)
    this.#held = new HeldState(admin, options.leftOver ?? [])
    this.#directory = new StoreDirectory(plan, tasks, processId)
    this.#queries = new InstanceQueries({
      plan,
      admin,
      clock,
      threads: this.#threads,
      directory: this.#directory,
      owners: () => this.#owners,
      standby: () => this.#standby,
    })
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve
    })
    for (let index = 0; index < options.threads; index++) this.#threads.push(this.#newThread(index))
    const { membership, transactions, onThreads } = options
    this.#threadChanges = new ThreadChanges(
      {
        threads: this.#threads,
        newThread: (index) => this.#newThread(index),
        membership,
        transactions,
        onThreads,
        isPaused: () => this.#isPaused,
        isChangeable: () => this.#closing === null && (this.#state === 'RUNNING' || this.#state === 'REBALANCING'),
        isEnding: () => this.#closing !== null,
        ended: this.stopped,
      },
      options.threads,
    )
  }

  /** Joins the group. Resolves when the first assignment is passed on (stores may still restore). */
  async start(): Promise<void> {
    this.#become('REBALANCING')
    try {
      await this.#options.membership.join(this)
    } catch (error) {
      this.onFatal(error instanceof Error ? error : new Error(String(error)))
      await this.#closing
      throw error
    }
    void this.#cleanup?.run()
    this.#inputs?.changed().then(
      (change) => {
        if (change !== null) this.onFatal(change)
      },
      (error: unknown) => this.onFatal(asError(error)),
    )
  }

  protected get queries(): InstanceQueries {
    return this.#queries
  }

  #newThread(index: number): ThreadControl {
    const { newThread, clock, onEvent } = this.#options
    const uncaught = this.#uncaught
    const thread: ReplaceableThread = new ReplaceableThread({
      index,
      newThread: () => newThread(index),
      uncaught,
      clock,
      onReplaced: (error, delayMs) => {
        this.#queries.threadReplaced(thread)
        this.threadChanged()
        onEvent?.({ type: 'recovered', error: new ThreadReplacedError(index, delayMs, error) })
      },
    })
    void thread.stopped.then((error) => {
      if (error === null || this.#closing !== null) return
      const stopsAll = uncaught.responseTo(error) === 'shutdown-application'
      this.#closing = this.#shutDown(error, { stopsAll })
    })
    return thread
  }

  get processId(): string {
    return this.#options.processId
  }

  threads(): number {
    return this.#threads.length
  }

  addStreamThread(): Promise<string | null> {
    return this.#threadChanges.add()
  }

  removeStreamThread(): Promise<string | null> {
    return this.#threadChanges.remove()
  }

  #newCleanup(options: { readonly state: StateOnDisk; readonly delayMs: number }): StateCleanup {
    const { clock, onEvent } = this.#options
    return new StateCleanup({
      ...options,
      clock,
      onRemoved: (taskId) => {
        this.#held.forget(taskId)
        onEvent?.({ type: 'state-removed', taskId })
      },
      onFailed: (error) => onEvent?.({ type: 'recovered', error: asError(error) }),
    })
  }

  #become(state: InstanceState): void {
    this.#state = state
    this.#changes.look()
  }

  /** To be called when a thread has opened tasks: the state may be another one. */
  threadChanged(): void {
    this.#changes.look()
  }

  async pause(): Promise<void> {
    await this.#setPaused(true)
  }

  async resume(): Promise<void> {
    await this.#setPaused(false)
  }

  isPaused(): boolean {
    return this.#isPaused
  }

  async #setPaused(isPaused: boolean): Promise<void> {
    this.#isPaused = isPaused
    await Promise.all(this.#threads.map((thread) => thread.setPaused(isPaused)))
  }

  plan(): Plan {
    return this.#options.plan
  }

  state(): InstanceState {
    if (this.#state === 'RUNNING' && !this.#threads.every((thread) => thread.isReady())) return 'REBALANCING'
    return this.#state
  }

  async report(): Promise<StateReport> {
    const positions = await Promise.all(this.#threads.map((thread) => thread.ask({ type: 'positions' })))
    this.#held.note(positions.flat())
    const active = [...this.#active.keys()].sort(compareTaskIds)
    return { active, lags: await this.#held.lags(new Set(active)) }
  }

  async onAssigned(assignment: Assignment): Promise<void> {
    this.#rebalances++
    this.#directory.note(assignment)
    const { membership } = this.#options
    const unknown = this.#unknownTasks(assignment)
    if (unknown.size > 0) {
      const added = await this.#newTopics()
      if (added.length > 0) {
        this.onFatal(new MatchedTopicsChangedError({ added }))
        return
      }
    }
    // Whoever planned this has yet to see that their topics are gone.
    const active = assignment.active.filter((taskId) => !unknown.has(taskId))
    const standby = assignment.standby.filter((taskId) => !unknown.has(taskId))
    const threads = this.#threadChanges.entitled(assignment.threads)
    await this.#cleanup?.opening([...active, ...standby])
    const homes = new Map([...this.#standby, ...this.#active])
    const next = {
      active: dealToThreads(active, threads, homes),
      standby: dealToThreads(standby, threads, homes),
    }
    const staying = { active: common(this.#active, next.active), standby: common(this.#standby, next.standby) }
    // Invariant 3.
    const isAllStaying = staying.active.size === this.#active.size && staying.standby.size === this.#standby.size
    if (isAllStaying || (await this.#carryOut(staying.active, staying.standby))) {
      if (await this.#carryOut(next.active, next.standby)) {
        this.#cleanup?.settled([...active, ...standby])
        this.#threadChanges.dealt(threads)
      }
    }
    if (this.#state === 'REBALANCING' && membership.current() !== null) this.#become('RUNNING')
    else this.#changes.look()
  }

  /** Tasks of topics that only others know: members may see other topics of the patterns for a while. */
  #unknownTasks({ active, standby }: Assignment): ReadonlySet<string> {
    const { tasks, matched } = this.#options
    if (matched === undefined) return new Set()
    const known = new Set(tasks.map(({ taskId }) => taskId))
    return new Set([...active, ...standby].filter((taskId) => !known.has(taskId)))
  }

  /** Topics that the patterns match by now. */
  async #newTopics(): Promise<readonly string[]> {
    try {
      return (await this.#inputs?.newTopics()) ?? []
    } catch (error) {
      if (!(error instanceof StreamsError)) throw error
      // Brokers that do not answer say nothing of topics; the watch goes on looking.
      return []
    }
  }

  /** False when the member has left or lost the generation in the meantime. */
  async #carryOut(active: ReadonlyMap<string, number>, standby: ReadonlyMap<string, number>): Promise<boolean> {
    const { membership } = this.#options
    const threads = this.#threads
    const group = membership.current()
    if (group === null) return false
    if (this.#closing !== null) {
      // The end of the threads releases the tasks that the assignment takes away. They are not reported as ours any more.
      await Promise.all(threads.map(({ stopped }) => stopped))
      this.#active = new Map()
      return false
    }
    const moved = active.size !== this.#active.size || common(active, this.#active).size !== active.size
    this.#active = active
    this.#standby = standby
    if (moved) {
      this.#owners = new Map([...active].map(([id, thread]) => [id, threads[thread] as ThreadControl]))
      this.#queries.tasksMoved()
    }
    const shareOf = (all: ReadonlyMap<string, number>, index: number): string[] =>
      [...all].filter(([, thread]) => thread === index).map(([id]) => id)
    await Promise.all(
      threads.map((thread, index) => thread.assign(shareOf(active, index), shareOf(standby, index), group)),
    )
    return true
  }

  async onLost(_reason: string): Promise<void> {
    if (this.#state === 'RUNNING') this.#become('REBALANCING')
    this.#active = new Map()
    this.#owners = new Map()
    this.#cleanup?.lost()
    await Promise.all(this.#threads.map((thread) => thread.lost()))
  }

  onFatal(error: Error): void {
    if (this.#closing !== null) return
    this.#closing = this.#shutDown(error)
  }

  async close(options: CloseOptions = {}): Promise<void> {
    this.#asked ??= options
    if (this.#closing === null) this.#closing = this.#shutDown(null)
    else if (this.#state === 'REBALANCING') this.#closeInstead(options)
    await this.#closing
  }

  /** Invariant 4. */
  #closeInstead({ timeoutMs }: CloseOptions): void {
    this.#become('PENDING_SHUTDOWN')
    // The threads close already: this only limits the time. The shutdown that is under way hears how they end.
    for (const thread of this.#threads) thread.close(timeoutMs).catch(() => undefined)
  }

  brokers(): BrokerReach {
    return this.#options.brokers?.() ?? { known: [], silent: [] }
  }

  async tasks(): Promise<readonly TaskStatus[]> {
    const all = (await Promise.all(this.#threads.map((thread) => thread.ask({ type: 'tasks' })))).flat()
    return all.sort((a, b) => compareTaskIds(a.taskId, b.taskId))
  }

  async metrics(): Promise<readonly MetricFamily[]> {
    const families = (await Promise.all(this.#threads.map((thread) => thread.ask({ type: 'metrics' })))).flat()
    const reach = this.brokers()
    return [
      // Nobody knows the ends of partitions then: the last known lag would pass for the present one.
      ...summedFamilies([...this.#threadChanges.carried, ...families]).filter(
        ({ name }) => name !== 'kafka_consumer_lag' || !isCutOff(reach),
      ),
      brokersUp(reach),
      {
        name: 'rebalances_total',
        help: 'Assignments received',
        type: 'counter',
        samples: [{ labels: {}, value: this.#rebalances }],
        histograms: [],
      },
    ]
  }

  /** Every step runs, even if an earlier one failed: nothing may stay running or in the group. */
  async #shutDown(failure: Error | null, { stopsAll = false }: { readonly stopsAll?: boolean } = {}): Promise<void> {
    const restart = failure instanceof MatchedTopicsChangedError ? failure : null
    // Invariant 4.
    const isRestarted = (): boolean => restart !== null && this.#asked === null
    this.#become(restart === null ? 'PENDING_SHUTDOWN' : 'REBALANCING')
    this.#owners = new Map()
    this.#queries.close()
    let error = restart === null ? failure : null
    const { membership, onClosed } = this.#options
    const threads = this.#threads
    this.#inputs?.stop()
    this.#cleanup?.stop()
    const attempt = async (step: () => Promise<unknown>): Promise<void> => {
      try {
        const outcome = await step()
        if (outcome instanceof Error) error ??= outcome
      } catch (cause) {
        error ??= cause instanceof Error ? cause : new Error(String(cause))
      }
    }
    // Offsets of a topic that is gone cannot be committed: the last epoch is dropped instead.
    if (restart?.isGone || (failure instanceof InputTopicChangedError && failure.isGone)) {
      await Promise.all(threads.map((thread) => attempt(() => thread.lost())))
    }
    await Promise.all(threads.map((thread) => attempt(() => thread.close(this.#asked?.timeoutMs))))
    await attempt(async () => this.#cleanup?.opening([]))
    for (const thread of threads) await attempt(() => thread.stopped)
    if (failure !== null && stopsAll) await attempt(() => membership.shutDownApplication(failure.message.slice(0, 500)))
    if (isRestarted() || this.#asked?.leaveGroup === false) await attempt(() => membership.stop())
    else await attempt(() => membership.leave())
    await attempt(async () => onClosed?.())
    if (!isRestarted()) this.#become(error === null ? 'NOT_RUNNING' : 'ERROR')
    this.#stop(isRestarted() ? restart : error)
  }
}

function brokersUp({ known, silent }: BrokerReach): MetricFamily {
  const isSilent = new Set(silent.map(({ broker }) => broker))
  return {
    name: 'kafka_broker_up',
    help: 'Whether the broker answers: 0 when it has not for some seconds',
    type: 'gauge',
    samples: known.map((broker) => ({ labels: { broker }, value: isSilent.has(broker) ? 0 : 1 })),
    histograms: [],
  }
}

/** Tasks that are on the same thread in both. */
function common(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...a].filter(([id, thread]) => b.get(id) === thread))
}
