import { FencedError, StoreCorruptedError } from '../../state/ports/errors.ts'
import { CommitCycle } from '../commit/commit-cycle.ts'
import { CommitPolicy } from '../commit/commit-policy.ts'
import { EpochSize } from '../commit/epoch-size.ts'
import { OutputCollector } from '../commit/output-collector.ts'
import { RepartitionPurge } from '../commit/repartition-purge.ts'
import { WriterSession } from '../commit/writer-session.ts'
import type { RestoreProgress } from '../ports/instance.ts'
import { ChangelogReader } from '../restore/changelog-reader.ts'
import { GlobalState } from '../restore/global-state.ts'
import { type StandbyTask, StandbyTasks } from '../restore/standby-tasks.ts'
import { type OpenTask, TaskOpener } from '../restore/task-opener.ts'
import { TaskOpenings } from '../restore/task-openings.ts'
import { PoisonedRecordError, PoisonedRecords } from '../task/poisoned-records.ts'
import { ProcessingSlice } from '../task/processing-slice.ts'
import { TaskStores } from '../task/task-stores.ts'
import { Alarm } from './alarm.ts'
import { asError, FailureLog, isRecoverable, isSameTrouble } from './failure-log.ts'
import { InputFeed } from './input-feed.ts'
import { OpenTasks } from './open-tasks.ts'
import type { StreamThreadOptions } from './stream-thread-options.ts'
import { type Command, ThreadCommands } from './thread-commands.ts'
import { ThreadMetrics } from './thread-metrics.ts'

/*
 * Owns a set of tasks, one reader, one writer and the loop that drives them: poll, process a slice, commit.
 * Commands (assign, lost, close) are carried out between slices, in order of arrival.
 *
 * 1. Active tasks are released only after their last commit is settled, or dropped without one (architecture 5).
 * 2. After any failed or unknown commit: both layers of all active tasks dropped, writer initialised, tasks opened anew
 *    from stable offsets (architecture 3). No other way leads back to processing. Standbys hold committed data only and stay.
 * 3. Bytes held are bounded: two epochs of maxEpochBytes, the buffers of the partitions, what the changelog reader holds.
 * 4. A position that the reset policy chose is committed before the first record behind it is processed: another `latest`
 *    after a failure must not skip anything.
 * 5. Tasks are opened beside the processing of those that are open, which an assignment that keeps them does not touch.
 *    While the writer is not initialised, none is open.
 */
export class StreamThread {
  readonly metrics = new ThreadMetrics()
  /** Resolves when the loop has ended: null after close(), else the error that stopped it. */
  readonly stopped: Promise<Error | null>

  readonly #options: StreamThreadOptions
  readonly #collector: OutputCollector
  readonly #writer: WriterSession
  readonly #cycle: CommitCycle
  readonly #policy: CommitPolicy
  readonly #stores: TaskStores
  readonly #changelogs: ChangelogReader
  readonly #openings: TaskOpenings
  readonly #standbys: StandbyTasks
  readonly #purge: RepartitionPurge
  readonly #global: GlobalState
  readonly #feed: InputFeed
  readonly #alarm: Alarm
  readonly #commands: ThreadCommands
  readonly #failures: FailureLog
  readonly #poisoned = new PoisonedRecords()
  readonly #size: EpochSize
  readonly #open: OpenTasks
  readonly #slice: ProcessingSlice
  readonly #readsChanged: () => void
  #assigned: readonly string[] = []
  /** What a standby or a query met: the next step fails with it. */
  #met: { readonly cause: unknown } | null = null
  #closed = false
  /** What the thread ends with. */
  #failure: Error | null = null

  constructor(options: StreamThreadOptions) {
    this.#options = options
    const { plan, config, reader, newRestoreReader, writer, admin, clock, group } = options
    const { metrics } = this
    this.#stores = new TaskStores(plan, options.openStore)
    this.#changelogs = new ChangelogReader({
      admin,
      clock,
      newReader: newRestoreReader,
      onRecords: (store, records) => metrics.restored.add(store, records),
      onRestore: options.onRestore,
      staleStore: config.staleStore,
      markers: config.processingGuarantee === 'exactly_once_v2' ? 1 : 0,
    })
    const [stores, changelogs] = [this.#stores, this.#changelogs]
    const ring = (): void => this.#alarm.ring()
    this.#readsChanged = options.onReadsChanged ?? (() => undefined)
    this.#alarm = new Alarm(clock)
    this.#commands = new ThreadCommands(ring)
    this.#failures = new FailureLog({
      config,
      clock,
      metrics,
      onFailure: (error) => options.onRecovered?.(error, this.#assigned),
    })
    this.#collector = new OutputCollector(() => writer.newBatch(), new Map(options.partitions))
    this.#writer = new WriterSession(writer, clock, config)
    this.#size = new EpochSize({
      config,
      collector: this.#collector,
      poisoned: this.#poisoned,
      tasks: () => this.#open.running,
    })
    this.#cycle = new CommitCycle({
      writer,
      admin,
      clock,
      group,
      metrics,
      collector: this.#collector,
      size: this.#size,
      onVisible: this.#readsChanged,
      onSettled: () => {
        this.#readsChanged()
        ring()
        options.onSettled?.()
      },
      onBadRecords: options.onBadRecords,
    })
    this.#policy = new CommitPolicy({
      config,
      clock,
      cycle: this.#cycle,
      collector: this.#collector,
      size: this.#size,
      tasks: () => this.#open.running,
    })
    this.#global = new GlobalState({ ...options, metrics, newReader: newRestoreReader, onNews: ring })
    const opener = new TaskOpener({
      ...options,
      metrics,
      stores,
      changelogs,
      collector: this.#collector,
      poisoned: this.#poisoned,
      globalStores: this.#global.stores,
    })
    this.#openings = new TaskOpenings({
      opener,
      clock,
      taskTimeoutMs: config.taskTimeoutMs,
      onChange: ring,
      onRetry: (error, task) => options.onRecovered?.(error, [task]),
    })
    this.#standbys = new StandbyTasks({
      stores,
      changelogs,
      clock,
      onRecovered: (error, task) => options.onRecovered?.(asError(error), [task]),
      onFailed: (cause) => this.#meet(cause),
    })
    this.#feed = new InputFeed({
      reader,
      maxBufferedBytesPerPartition: config.maxBufferedBytesPerPartition,
      onNews: ring,
    })
    this.#open = new OpenTasks(this.#feed, this.#readsChanged)
    this.#slice = new ProcessingSlice({
      config,
      clock,
      metrics,
      open: this.#open,
      policy: this.#policy,
      size: this.#size,
    })
    this.#purge = new RepartitionPurge(plan, config, admin, clock)
    this.stopped = this.#run()
  }

  /**
   * Tasks this thread runs and follows from now on. Resolves when those that are on neither list any more are released, their last
   * commit settled; not when the new ones are open. Those that stay are not touched.
   */
  assign(active: readonly string[], standby: readonly string[]): Promise<void> {
    return this.#command({ type: 'assign', active, standby })
  }

  /** Drops all active tasks without a commit. */
  lost(): Promise<void> {
    return this.#command({ type: 'lost' })
  }

  /** Settles the last commit, releases all tasks, ends the loop. */
  close(): Promise<void> {
    return this.#command({ type: 'close' })
  }

  /** Open tasks by id; committed views of their stores answer queries. */
  get tasks(): ReadonlyMap<string, OpenTask> {
    return this.#open.byId
  }

  get global(): GlobalState {
    return this.#global
  }

  get standbys(): ReadonlyMap<string, StandbyTask> {
    return this.#standbys.tasks
  }

  /** Tasks assigned but not open yet, and how the restores get on. */
  get opening(): { readonly tasks: readonly string[]; readonly restore: readonly RestoreProgress[] } {
    return { tasks: this.#assigned.filter((id) => !this.tasks.has(id)), restore: this.#changelogs.progress() }
  }

  /** A query found a store damaged: the task is opened anew, and the store restored. */
  storeDamaged(error: StoreCorruptedError): void {
    if (!this.#standbys.fail(error)) this.#meet(error)
  }

  #meet(cause: unknown): void {
    this.#met ??= { cause }
    this.#alarm.ring()
  }

  #command(command: Command): Promise<void> {
    if (this.#closed) return this.stopped.then(() => undefined)
    return this.#commands.post(command)
  }

  async #run(): Promise<Error | null> {
    try {
      while (!this.#closed) {
        await this.#commands.run((command) => this.#carryOut(command))
        if (this.#closed) break
        try {
          await this.#step()
        } catch (error) {
          await this.#recover(error)
        }
      }
    } catch (error) {
      this.#failure = asError(error)
    }
    return await this.#end()
  }

  async #end(): Promise<Error | null> {
    this.#closed = true
    let result = this.#failure
    const { reader, writer } = this.#options
    const steps = [
      () => this.#drop(),
      () => this.#standbys.assign([]),
      () => this.#changelogs.close(),
      () => this.#global.close(),
      () => reader.close(),
      () => writer.close(),
    ]
    for (const step of steps) {
      try {
        await step()
      } catch (error) {
        result ??= asError(error)
      }
    }
    this.#commands.end()
    return result
  }

  async #carryOut(command: Command): Promise<void> {
    switch (command.type) {
      case 'assign':
        await this.#assign(command.active, command.standby)
        return
      case 'lost':
        this.#assigned = []
        await this.#drop()
        this.#writer.lost()
        return
      case 'close':
        await this.#assign([], [])
        this.#closed = true
    }
  }

  async #assign(active: readonly string[], standby: readonly string[]): Promise<void> {
    const isKept = (id: string): boolean => active.includes(id)
    this.#assigned = active
    this.#writer.assigned()
    this.#report(await this.#openings.cancel(isKept))
    if (![...this.tasks.keys()].every(isKept)) await this.#release(isKept)
    await this.#standbys.assign(standby)
    this.#tellOpening()
  }

  /** Invariant 1: the last commit, then the tasks are closed. A failed last commit releases them all the same. */
  async #release(isKept: (id: string) => boolean): Promise<void> {
    try {
      await this.#commitAll()
    } catch (error) {
      if (!isRecoverable(error)) throw error
      this.#noteFailure(error)
      await this.#drop()
      return
    }
    this.#report(await this.#open.close(isKept))
  }

  /** Throws away everything uncommitted and closes the active tasks. Never throws. */
  async #drop(): Promise<void> {
    try {
      await this.#cycle.settled()
    } catch (error) {
      // Settled one way or the other: both layers are dropped below.
      if (error !== this.#failure) this.#noteFailure(error)
    }
    this.#cycle.reset()
    this.#size.discard()
    this.#collector.discard()
    this.#slice.takeLatencies()
    this.#report(await this.#open.close(() => false))
    this.#report(await this.#openings.cancelAll())
  }

  /** Nothing that is committed depends on them, and what comes next must come all the same. */
  #report(errors: readonly unknown[]): void {
    for (const error of errors) {
      if (!isSameTrouble(error, this.#failure)) this.#options.onRecovered?.(asError(error), this.#assigned)
    }
  }

  /** Begins to open what is assigned and not open, and takes what has been opened meanwhile. */
  async #openAssigned(): Promise<void> {
    if (this.#options.clock.monotonic() < this.#waitsUntil) return
    await this.#writer.begin(this.#failures.timeLeft)
    await this.#global.read(() => this.#commands.isWaiting)
    if (!this.#global.isRead) return
    const missing = this.#assigned.filter((id) => !this.tasks.has(id) && !this.#openings.has(id))
    if (missing.length > 0) this.#openings.begin(missing)
    const opened = this.#openings.take()
    if (opened.length === 0) return
    this.#open.add(opened)
    if (opened.some(({ task }) => task.hasMoved)) {
      // Invariant 4.
      await this.#commitAll()
    }
    for (const { sources } of opened) this.#feed.assign(sources)
    this.#tellOpening()
  }

  get #waitsUntil(): number {
    return Math.max(this.#writer.fencedUntil, this.#failures.pausedUntil)
  }

  #tellOpening(): void {
    this.#options.onOpening?.(this.#assigned.length - this.tasks.size)
  }

  async #step(): Promise<void> {
    const met = this.#met
    this.#met = null
    if (met !== null) throw met.cause
    if (this.#assigned.length > this.tasks.size || this.#writer.mayHoldOffsets) await this.#openAssigned()
    if (this.tasks.size === 0) {
      const until = this.#waitsUntil
      const isPaused = this.#options.clock.monotonic() < until
      if (!this.#commands.isWaiting) await this.#alarm.wait(isPaused ? until : this.#openings.nextRetry)
      return
    }
    if (this.#feed.deliver(this.#open.running)) {
      this.metrics.fetches++
      this.#readsChanged()
    }
    const isGlobalBehind = this.#global.isUsed && (await this.#global.apply())
    if (!this.#global.isRead) await this.#global.read(() => this.#commands.isWaiting)
    if (!this.#global.isRead) return
    const processed = this.#slice.run()
    if (this.#slice.letTimePass() || processed > 0) this.#readsChanged()
    this.#cycle.check()
    if (this.#policy.isDue(processed === 0 && !this.#feed.hasNews)) {
      this.#beginCommit()
      this.#purge.maybeRun(this.tasks.values())
    }
    if (processed > 0 || isGlobalBehind) await this.#options.clock.yield()
    else await this.#idle()
  }

  #beginCommit(): void {
    this.#cycle.begin(this.tasks.values(), this.#slice.takeLatencies())
  }

  async #commitAll(): Promise<void> {
    await this.#cycle.settled()
    this.#beginCommit()
    await this.#cycle.settled()
  }

  /** Waits for news, a command, a settled commit or the next deadline. */
  async #idle(): Promise<void> {
    if (this.#feed.hasNews || this.#global.hasNews || this.#commands.isWaiting) return
    if (this.#failures.isRetrying && this.#isDone) this.#failures.caughtUp()
    await this.#alarm.wait(Math.min(this.#slice.deadline, this.#openings.nextRetry))
  }

  /** Every task is open, all its input is processed and committed. */
  get #isDone(): boolean {
    const isRunning = this.#assigned.length === this.tasks.size && this.#policy.isSettled
    return isRunning && this.#open.running.every(({ queues }) => queues.every(({ isCaughtUp }) => isCaughtUp))
  }

  /** Invariant 2. @throws what cannot be recovered from */
  async #recover(error: unknown): Promise<void> {
    if (!isRecoverable(error)) throw error
    if (error instanceof PoisonedRecordError) this.#poisoned.add(error)
    if (error instanceof FencedError) this.#writer.fenced()
    if (error instanceof StoreCorruptedError) this.#stores.rebuild(error)
    this.#noteFailure(error)
    await this.#drop()
    // While the member is between assignments nothing could be committed: wait for the next order.
    if (this.#options.group() === null) this.#assigned = []
    this.#tellOpening()
    this.#failures.pause(error, this.#assigned, { commit: this.#cycle.lastBegin, session: this.#writer.beganAt })
  }

  #noteFailure(error: unknown): void {
    if (this.#failures.note(error)) this.#writer.failed()
  }
}
