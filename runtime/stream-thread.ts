import { FencedError, OffsetOutOfRangeError, StreamsConfigError, StreamsError } from '../state/ports/errors.ts'
import type { Plan } from '../topology/plan.ts'
import { CommitCycle, type LatencySample } from './commit-cycle.ts'
import { OutputCollector } from './output-collector.ts'
import type { Clock } from './ports/clock.ts'
import type { FetchedPartition, GroupMetadata, LogAdmin, LogReader, LogWriter } from './ports/log.ts'
import { RepartitionPurge } from './repartition-purge.ts'
import { RestoreInterruptedError } from './restorer.ts'
import type { StreamsConfig } from './streams-config.ts'
import { type OpenTask, type StoreOpener, TaskOpener } from './task-opener.ts'
import { ThreadMetrics } from './thread-metrics.ts'
import { Wakeup } from './wakeup.ts'

export interface StreamThreadOptions {
  readonly plan: Plan
  readonly config: StreamsConfig
  /** topic -> partition count of every topic of the plan, output and dead letter topics included. */
  readonly partitions: ReadonlyMap<string, number>
  readonly reader: LogReader
  readonly newRestoreReader: () => LogReader
  readonly writer: LogWriter
  readonly admin: LogAdmin
  readonly clock: Clock
  readonly openStore: StoreOpener
  /** The member's current metadata; null while it owns nothing. */
  readonly group: () => GroupMetadata | null
  /** A recovered failure, for the log. */
  readonly onRecovered?: (error: Error) => void
  /** Told how many assigned tasks are not open yet, whenever that changes. */
  readonly onOpening?: (left: number) => void
}

/** Records processed between two looks at the time. */
const RECORDS_PER_LOOK = 100
/** Position moves without records (markers) are committed this lazily, ms. */
const MARKER_COMMIT_MS = 500
const POLL_MS = 500

type Command =
  | { readonly type: 'assign'; readonly tasks: readonly string[] }
  | { readonly type: 'revoke' | 'lost' | 'close' }

interface PendingCommand {
  readonly command: Command
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/*
 * Owns a set of tasks, one reader, one writer and the loop that drives them: poll, process a slice, commit.
 * Commands (assign, revoke, lost, close) are carried out between slices, in order of arrival.
 *
 * 1. Tasks are released only after their last commit is settled, or dropped without one (design 5).
 * 2. After any failed or unknown commit: both layers dropped, writer initialised, tasks opened anew from stable
 *    offsets (design 3). No other way leads back to processing.
 * 3. Bytes held are bounded: two epochs of maxEpochBytes, and the buffers of the partitions.
 */
export class StreamThread {
  readonly metrics = new ThreadMetrics()
  /** Resolves when the loop has ended: null after close(), else the error that stopped it. */
  readonly stopped: Promise<Error | null>

  readonly #options: StreamThreadOptions
  readonly #collector: OutputCollector
  readonly #cycle: CommitCycle
  readonly #opener: TaskOpener
  readonly #purge: RepartitionPurge
  readonly #wakeup = new Wakeup()
  readonly #tasks = new Map<string, OpenTask>()
  #assigned: readonly string[] = []
  #commands: PendingCommand[] = []
  #news: readonly FetchedPartition[] = []
  #pollError: unknown = null
  #polling = false
  #sleepingUntil = Number.POSITIVE_INFINITY
  #paused = new Set<string>()
  #writerReady = false
  #closed = false
  #latencies: LatencySample[] = []

  constructor(options: StreamThreadOptions) {
    this.#options = options
    const { plan, config, writer, admin, clock, group } = options
    this.#collector = new OutputCollector(() => writer.newBatch(), new Map(options.partitions))
    this.#cycle = new CommitCycle({
      writer,
      admin,
      clock,
      group,
      collector: this.#collector,
      metrics: this.metrics,
      onSettled: () => this.#wakeup.ring(),
    })
    this.#opener = new TaskOpener({
      ...options,
      collector: this.#collector,
      metrics: this.metrics,
      globalStores: new Map(),
    })
    this.#purge = new RepartitionPurge(plan, config, admin, clock)
    this.stopped = this.#run()
  }

  /** Tasks this thread runs from now on, replacing those it had. Resolves when the order is taken, not when they are open. */
  assign(tasks: readonly string[]): Promise<void> {
    return this.#command({ type: 'assign', tasks })
  }

  /** Settles the last commit and releases all tasks. */
  revoke(): Promise<void> {
    return this.#command({ type: 'revoke' })
  }

  /** Drops all tasks without a commit. */
  lost(): Promise<void> {
    return this.#command({ type: 'lost' })
  }

  /** Settles the last commit, releases all tasks, ends the loop. */
  async close(): Promise<void> {
    if (this.#closed) return
    await this.#command({ type: 'close' })
  }

  /** Open tasks by id; committed views of their stores answer queries. */
  get tasks(): ReadonlyMap<string, OpenTask> {
    return this.#tasks
  }

  /** Tasks assigned but not open yet, and their restore progress. */
  get opening(): { readonly tasks: readonly string[]; readonly restore: ReturnType<TaskOpener['restoreProgress']> } {
    return { tasks: this.#assigned.filter((id) => !this.#tasks.has(id)), restore: this.#opener.restoreProgress() }
  }

  #command(command: Command): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#commands.push({ command, resolve, reject })
      this.#wakeup.ring()
    })
  }

  async #run(): Promise<Error | null> {
    let failure: Error | null = null
    try {
      while (!this.#closed) {
        await this.#runCommands()
        if (this.#closed) break
        try {
          await this.#step()
        } catch (error) {
          await this.#recover(error)
        }
      }
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
    }
    return await this.#end(failure)
  }

  async #end(failure: Error | null): Promise<Error | null> {
    this.#closed = true
    let result = failure
    try {
      await this.#drop()
      await this.#options.reader.close()
      await this.#options.writer.close()
    } catch (error) {
      result ??= error as Error
    }
    for (const { resolve } of this.#commands.splice(0)) resolve()
    return result
  }

  async #runCommands(): Promise<void> {
    for (let pending = this.#commands.shift(); pending !== undefined; pending = this.#commands.shift()) {
      try {
        await this.#carryOut(pending.command)
        pending.resolve()
      } catch (error) {
        pending.reject(error)
        throw error
      }
    }
  }

  async #carryOut(command: Command): Promise<void> {
    switch (command.type) {
      case 'assign':
        if (this.#tasks.size > 0) await this.#release()
        this.#assigned = command.tasks
        this.#tellOpening()
        return
      case 'lost':
        this.#assigned = []
        await this.#drop()
        return
      case 'revoke':
        await this.#release()
        return
      case 'close':
        await this.#release()
        this.#closed = true
    }
  }

  /** Invariant 1: the last commit, then the tasks are closed. A failed last commit releases them all the same. */
  async #release(): Promise<void> {
    this.#assigned = []
    try {
      await this.#cycle.settled()
      if (this.#tasks.size > 0) {
        this.#cycle.begin(this.#tasks.values(), this.#takeLatencies())
        await this.#cycle.settled()
      }
    } catch (error) {
      if (!isRecoverable(error)) throw error
      this.#noteFailure(error)
    }
    await this.#drop()
  }

  /** Throws away everything uncommitted and closes the tasks. */
  async #drop(): Promise<void> {
    try {
      await this.#cycle.settled()
    } catch {
      // Settled one way or the other: the layers are dropped below, the writer is initialised before the next commit.
      this.#writerReady = false
    }
    this.#cycle.reset()
    this.#collector.discard()
    this.#news = []
    this.#paused.clear()
    this.#latencies = []
    const tasks = [...this.#tasks.values()]
    this.#tasks.clear()
    for (const { task, stores, sources } of tasks) {
      for (const source of sources) this.#options.reader.unassign(source)
      task.discard()
      task.closeProcessors()
      for (const { store } of stores) await store.close()
    }
  }

  async #openAssigned(): Promise<void> {
    if (!this.#writerReady) {
      // Fences our own past: an open transaction of a predecessor is aborted before its offsets are read.
      await this.#options.writer.init()
      this.#writerReady = true
    }
    let opened: OpenTask[]
    try {
      opened = await this.#opener.open(this.#assigned, () => this.#commands.length > 0)
    } catch (error) {
      if (error instanceof RestoreInterruptedError) return
      throw error
    }
    for (const open of opened) {
      this.#tasks.set(open.task.id, open)
      for (const source of open.sources) this.#options.reader.assign(source, source.position)
    }
    this.#tellOpening()
  }

  #tellOpening(): void {
    this.#options.onOpening?.(this.#assigned.length - this.#tasks.size)
  }

  async #step(): Promise<void> {
    if (this.#assigned.length > this.#tasks.size) await this.#openAssigned()
    if (this.#tasks.size === 0) {
      if (this.#commands.length === 0) await this.#wakeup.wait()
      return
    }
    this.#deliver()
    const processed = this.#processSlice()
    this.#punctuateSystemTime()
    this.#cycle.check()
    if (this.#shouldCommit(processed > 0)) {
      this.#cycle.begin(this.#tasks.values(), this.#takeLatencies())
      this.#purge.maybeRun(this.#tasks.values())
    }
    if (processed > 0) await this.#options.clock.yield()
    else await this.#idle()
  }

  /** Hands fetched data to the tasks and asks for more. */
  #deliver(): void {
    if (this.#pollError !== null) {
      const error = this.#pollError
      this.#pollError = null
      throw error
    }
    const news = this.#news
    this.#news = []
    if (news.length > 0) this.metrics.fetches++
    for (const fetched of news) {
      for (const { task } of this.#tasks.values()) task.add(fetched)
    }
    this.#balanceBuffers()
    if (!this.#polling) this.#poll()
  }

  #poll(): void {
    this.#polling = true
    this.#options.reader.poll(POLL_MS).then(
      (news) => {
        this.#polling = false
        this.#news = this.#news.length === 0 ? news : [...this.#news, ...news]
        this.#wakeup.ring()
      },
      (error: unknown) => {
        this.#polling = false
        this.#pollError = error
        this.#wakeup.ring()
      },
    )
  }

  /** Invariant 3: a partition that holds enough is not fetched until half of it is processed. */
  #balanceBuffers(): void {
    const { reader, config } = this.#options
    for (const { task } of this.#tasks.values()) {
      for (const queue of task.queues) {
        const key = `${queue.topic}:${queue.partition}`
        if (queue.bytes > config.maxBufferedBytesPerPartition) {
          if (!this.#paused.has(key)) {
            this.#paused.add(key)
            reader.pause(queue)
          }
        } else if (this.#paused.has(key) && queue.bytes <= config.maxBufferedBytesPerPartition / 2) {
          this.#paused.delete(key)
          reader.resume(queue)
        }
      }
    }
  }

  #processSlice(): number {
    const { clock, config } = this.#options
    const started = clock.monotonic()
    let processed = 0
    for (;;) {
      let round = 0
      for (const { task } of this.#tasks.values()) {
        if (this.#isFull) break
        const count = task.process(RECORDS_PER_LOOK)
        if (count > 0) this.#latencies.push({ timestamp: task.lastTimestamp, weight: count })
        round += count
      }
      processed += round
      const elapsed = clock.monotonic() - started
      if (round === 0 || elapsed >= config.sliceMs) {
        if (processed > 0) this.metrics.recordProcessing.observe(elapsed / 1000 / processed, processed)
        return processed
      }
    }
  }

  /** Bytes of the live epoch: input it stands for and output it holds. */
  get #epochBytes(): number {
    let bytes = this.#collector.bytes
    for (const { task } of this.#tasks.values()) bytes += task.inputBytes
    return bytes
  }

  get #isFull(): boolean {
    return this.#epochBytes >= this.#options.config.maxEpochBytes
  }

  #punctuateSystemTime(): void {
    const now = this.#options.clock.now()
    for (const { task } of this.#tasks.values()) {
      if (task.nextSystemPunctuation <= now) task.punctuateSystemTime()
    }
  }

  /** Soon when drained, by interval and bytes when behind. */
  #shouldCommit(isBusy: boolean): boolean {
    if (!this.#cycle.isIdle) return false
    const { config, clock } = this.#options
    const since = clock.monotonic() - this.#cycle.lastBegin
    if (since < config.commitFloorMs) return false
    if (!this.#hasWork) return since >= MARKER_COMMIT_MS && this.#hasMoved
    if (since >= config.commitIntervalMs || this.#isFull) return true
    if (!isBusy && this.#news.length === 0) return true
    for (const { task } of this.#tasks.values()) if (task.commitRequested) return true
    return false
  }

  /** Something was processed, dead-lettered or punctuated since the last commit. */
  get #hasWork(): boolean {
    if (!this.#collector.isEmpty) return true
    for (const { task } of this.#tasks.values()) {
      if (task.inputBytes > 0) return true
      for (const store of task.stores) if (store.dirtyEntries() > 0) return true
    }
    return false
  }

  get #hasMoved(): boolean {
    for (const { task } of this.#tasks.values()) if (task.hasMoved) return true
    return false
  }

  /** Waits for news, a command, a settled commit or the next deadline. */
  async #idle(): Promise<void> {
    if (this.#news.length > 0 || this.#commands.length > 0 || this.#pollError !== null) return
    const { clock, config } = this.#options
    let deadline = Number.POSITIVE_INFINITY
    if (this.#cycle.isIdle) {
      if (this.#hasWork) deadline = this.#cycle.lastBegin + config.commitFloorMs
      else if (this.#hasMoved) deadline = this.#cycle.lastBegin + MARKER_COMMIT_MS
    }
    for (const { task } of this.#tasks.values()) {
      const due = task.nextSystemPunctuation
      if (due < Number.POSITIVE_INFINITY) deadline = Math.min(deadline, clock.monotonic() + due - clock.now())
    }
    if (deadline < this.#sleepingUntil) {
      this.#sleepingUntil = deadline
      const ms = Math.max(1, Math.ceil(deadline - clock.monotonic()))
      void clock.sleep(ms).then(() => {
        if (this.#sleepingUntil === deadline) this.#sleepingUntil = Number.POSITIVE_INFINITY
        this.#wakeup.ring()
      })
    }
    await this.#wakeup.wait()
  }

  #takeLatencies(): readonly LatencySample[] {
    const latencies = this.#latencies
    this.#latencies = []
    return latencies
  }

  /** Invariant 2. @throws what cannot be recovered from */
  async #recover(error: unknown): Promise<void> {
    if (error instanceof OffsetOutOfRangeError && this.#opener.resetPolicy(error.topic) === 'none') {
      throw new StreamsConfigError(`${error.message} and AUTO_OFFSET_RESET is none`)
    }
    if (!isRecoverable(error)) throw error
    this.#noteFailure(error)
    const assigned = this.#assigned
    await this.#drop()
    this.#writerReady = false
    this.#assigned = assigned
    this.#tellOpening()
    // While the member is between assignments nothing could be committed: wait for the next order.
    if (this.#options.group() === null) this.#assigned = []
  }

  #noteFailure(error: unknown): void {
    this.#writerReady = false
    this.metrics.aborts++
    this.metrics.produceErrors++
    this.#options.onRecovered?.(error as Error)
  }
}

const RECOVERABLE = new Set(['COMMIT_FAILED', 'COMMIT_UNKNOWN', 'OFFSET_OUT_OF_RANGE', 'TASK_CORRUPTED'])

function isRecoverable(error: unknown): boolean {
  return error instanceof StreamsError && !(error instanceof FencedError) && RECOVERABLE.has(error.code)
}
