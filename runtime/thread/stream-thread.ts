import { FencedError, StoreCorruptedError } from '../../state/ports/errors.ts'
import type { RestoreProgress } from '../ports/instance.ts'
import type { GlobalState } from '../restore/global-state.ts'
import type { StandbyTask } from '../restore/standby-tasks.ts'
import type { OpenTask } from '../restore/task-opener.ts'
import { PoisonedRecordError } from '../task/poisoned-records.ts'
import { asError, isRecoverable, isSameTrouble } from './failure-log.ts'
import type { StreamThreadOptions } from './stream-thread-options.ts'
import type { Command } from './thread-commands.ts'
import { ThreadMetrics } from './thread-metrics.ts'
import { type ThreadParts, threadParts } from './thread-parts.ts'

/*
 * Owns a set of tasks, one reader, one writer and the loop that drives them: poll, process a slice, commit.
 * Commands (assign, lost, close) are carried out between slices, in order of arrival.
 *
 * 1. Active tasks are released only after their last commit is settled, or dropped without one (architecture 5).
 * 2. After any failed or unknown commit: both layers of all active tasks dropped, writer initialised, tasks opened again
 *    from stable offsets (architecture 3). No other way leads back to processing. Standbys hold committed data only and stay.
 * 3. Bytes held are bounded: two epochs of maxEpochBytes, the buffers of the partitions, what the changelog reader holds.
 * 4. A position that the reset policy chose is committed before the first record behind it is processed: another `latest`
 *    after a failure must not skip anything.
 * 5. Tasks are opened beside the processing of those that are open, which an assignment that keeps them does not touch.
 *    While the writer is not initialised, none is open.
 * 6. From the first assignment on, global stores are read and kept up to date whether there are tasks or not: every process answers from
 *    them.
 */
export class StreamThread {
  readonly metrics = new ThreadMetrics()
  /** Resolves when the loop has ended: null after close(), else the error that stopped it. */
  readonly stopped: Promise<Error | null>

  readonly #options: StreamThreadOptions
  readonly #parts: ThreadParts
  #assigned: readonly string[] = []
  /** There has been an assignment. */
  #isMember = false
  #closed = false
  #isPaused = false
  /** The error that the thread ends with. */
  #failure: Error | null = null

  constructor(options: StreamThreadOptions) {
    this.#options = options
    this.#parts = threadParts(options, this.metrics)
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

  /** Paused, it processes no record and runs no punctuator; it still commits, opens tasks and keeps standbys up to date. */
  setPaused(isPaused: boolean): Promise<void> {
    return this.#command({ type: 'pause', isPaused })
  }

  /** Settles the last commit, releases all tasks, ends the loop. */
  close(): Promise<void> {
    return this.#command({ type: 'close' })
  }

  /** Input and output bytes of one epoch after which it is committed. */
  set maxEpochBytes(bytes: number) {
    this.#parts.size.maxBytes = bytes
  }

  /** Open tasks by id; committed views of their stores answer queries. */
  get tasks(): ReadonlyMap<string, OpenTask> {
    return this.#parts.tasks.byId
  }

  get global(): GlobalState {
    return this.#parts.global
  }

  get standbys(): ReadonlyMap<string, StandbyTask> {
    return this.#parts.standbys.tasks
  }

  /** All tasks that are assigned are open, and the global stores are read. */
  get isReady(): boolean {
    return this.#left === 0
  }

  /** Tasks assigned but not open yet, and how the restores get on. */
  get opening(): { readonly tasks: readonly string[]; readonly restore: readonly RestoreProgress[] } {
    return { tasks: this.#assigned.filter((id) => !this.tasks.has(id)), restore: this.#parts.changelogs.progress() }
  }

  /** A query found a store damaged: the task is opened again, and the store restored. */
  storeDamaged(error: StoreCorruptedError): void {
    const { standbys, failures } = this.#parts
    if (!standbys.fail(error)) failures.meet(error)
  }

  #command(command: Command): Promise<void> {
    if (this.#closed) return this.stopped.then(() => undefined)
    return this.#parts.commands.post(command)
  }

  async #run(): Promise<Error | null> {
    try {
      while (!this.#closed) {
        await this.#parts.commands.run((command) => this.#carryOut(command))
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
      () => this.#parts.standbys.assign([]),
      () => this.#parts.changelogs.close(),
      () => this.#parts.global.close(),
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
    this.#parts.commands.end()
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
        this.#parts.session.lost()
        return
      case 'pause':
        this.#isPaused = command.isPaused
        return
      case 'close':
        await this.#assign([], [])
        this.#closed = true
    }
  }

  async #assign(active: readonly string[], standby: readonly string[]): Promise<void> {
    const isKept = (id: string): boolean => active.includes(id)
    this.#assigned = active
    this.#isMember = true
    this.#parts.session.assigned()
    this.#report(await this.#parts.openings.cancel(isKept))
    if (![...this.tasks.keys()].every(isKept)) await this.#release(isKept)
    await this.#parts.standbys.assign(standby)
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
    this.#report(await this.#parts.tasks.close(isKept))
  }

  /** Throws away everything uncommitted and closes the active tasks. Never throws. */
  async #drop(): Promise<void> {
    try {
      await this.#parts.cycle.settled()
    } catch (error) {
      // Settled one way or the other: both layers are dropped below.
      if (error !== this.#failure) this.#noteFailure(error)
    }
    this.#parts.cycle.discard()
    this.#report(await this.#parts.tasks.close(() => false))
    this.#report(await this.#parts.openings.cancelAll())
  }

  /** Nothing committed depends on them, and the next step must follow in any case. */
  #report(errors: readonly unknown[]): void {
    for (const error of errors) {
      if (isSameTrouble(error, this.#failure)) continue
      this.#options.onEvent({ type: 'recovered', error: asError(error), tasks: this.#assigned })
    }
  }

  /** Begins to open what is assigned and not open, and takes what has been opened meanwhile. */
  async #openAssigned(): Promise<void> {
    if (this.#options.clock.monotonic() < this.#waitsUntil) return
    await this.#parts.session.begin(this.#parts.failures.timeLeft)
    if (!(await this.#readGlobal())) return
    const missing = this.#assigned.filter((id) => !this.tasks.has(id) && !this.#parts.openings.has(id))
    if (missing.length > 0) this.#parts.openings.begin(missing)
    const opened = this.#parts.openings.take()
    if (opened.length === 0) return
    this.#parts.tasks.add(opened)
    if (opened.some(({ task }) => task.hasMoved)) {
      // Invariant 4.
      await this.#commitAll()
    }
    for (const { sources } of opened) this.#parts.feed.assign(sources)
    this.#tellOpening()
  }

  get #waitsUntil(): number {
    return Math.max(this.#parts.session.fencedUntil, this.#parts.failures.pausedUntil)
  }

  #tellOpening(): void {
    this.#options.onEvent({ type: 'opening', left: this.#left })
  }

  /** Tasks still to be opened, and one for global stores that are not read yet. */
  get #left(): number {
    return this.#assigned.length - this.tasks.size + (this.global.isRead ? 0 : 1)
  }

  async #step(): Promise<void> {
    this.#parts.failures.check()
    if (this.#assigned.length > this.tasks.size || this.#parts.session.mayHoldOffsets) await this.#openAssigned()
    if (this.tasks.size === 0) {
      await this.#stepWithoutTasks()
      return
    }
    if (this.#parts.tasks.deliver()) this.metrics.fetches++
    const isGlobalBehind = this.#parts.global.isUsed && (await this.#parts.global.apply())
    // No step waits where there is nothing to wait for.
    if (!this.#parts.global.isRead && !(await this.#readGlobal())) return
    const processed = this.#isPaused ? 0 : this.#parts.tasks.process()
    this.#parts.cycle.check()
    if (this.#parts.policy.isDue(processed === 0 && !this.#parts.feed.hasNews)) {
      this.#parts.cycle.begin()
      this.#parts.purge.maybeRun(this.tasks.values())
    }
    if (processed > 0 || isGlobalBehind) await this.#options.clock.yield()
    else await this.#idle()
  }

  /** Invariant 6. */
  async #stepWithoutTasks(): Promise<void> {
    const { alarm, commands, failures, global, openings } = this.#parts
    const until = this.#waitsUntil
    const isPaused = this.#options.clock.monotonic() < until
    if (!isPaused && global.isUsed && this.#isMember) {
      if (!(await this.#readGlobal())) return
      const isBehind = await global.apply()
      if (failures.isRetrying && this.#isDone) failures.caughtUp()
      if (isBehind || global.hasNews) {
        await this.#options.clock.yield()
        return
      }
    }
    if (!commands.isWaiting) await alarm.wait(isPaused ? until : openings.nextRetry)
  }

  /** Returns false when a command waits before all is read. */
  async #readGlobal(): Promise<boolean> {
    const { commands, global } = this.#parts
    if (global.isRead) return true
    await global.read(() => commands.isWaiting)
    if (global.isRead) this.#tellOpening()
    return global.isRead
  }

  async #commitAll(): Promise<void> {
    await this.#parts.cycle.settled()
    this.#parts.cycle.begin()
    await this.#parts.cycle.settled()
  }

  /** Waits for news, a command, a settled commit or the next deadline. */
  async #idle(): Promise<void> {
    if (this.#parts.feed.hasNews || this.#parts.global.hasNews || this.#parts.commands.isWaiting) return
    if (this.#parts.failures.isRetrying && this.#isDone) this.#parts.failures.caughtUp()
    await this.#parts.alarm.wait(
      Math.min(this.#parts.policy.deadline, this.#nextPunctuation, this.#parts.openings.nextRetry),
    )
  }

  get #nextPunctuation(): number {
    return this.#isPaused ? Number.POSITIVE_INFINITY : this.#parts.tasks.deadline
  }

  /** Every task is open, all its input is processed and committed. */
  get #isDone(): boolean {
    const isRunning = this.#assigned.length === this.tasks.size && this.#parts.policy.isSettled
    return isRunning && this.#parts.tasks.isCaughtUp
  }

  /** Invariant 2. @throws what cannot be recovered from */
  async #recover(error: unknown): Promise<void> {
    if (!isRecoverable(error)) throw error
    if (error instanceof PoisonedRecordError) this.#parts.poisoned.add(error)
    if (error instanceof FencedError) this.#parts.session.fenced()
    if (error instanceof StoreCorruptedError) this.#parts.stores.rebuild(error)
    this.#noteFailure(error)
    await this.#drop()
    // While the member is between assignments nothing could be committed: wait for the next order.
    if (this.#options.group() === null) this.#assigned = []
    this.#tellOpening()
    this.#parts.failures.pause(error, this.#assigned, {
      commit: this.#parts.cycle.lastBegin,
      session: this.#parts.session.beganAt,
    })
  }

  #noteFailure(error: unknown): void {
    if (this.#parts.failures.note(error, this.#assigned)) this.#parts.session.failed()
  }
}
