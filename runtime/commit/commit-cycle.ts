import type { Clock } from '../ports/clock.ts'
import type { ThreadListener } from '../ports/instance-events.ts'
import type { EndPositions, GroupMetadata, LogAdmin, LogWriter } from '../ports/log.ts'
import type { OpenTasks } from '../thread/open-tasks.ts'
import type { ThreadMetrics } from '../thread/thread-metrics.ts'
import type { CommitPace } from './commit-pace.ts'
import type { Epoch } from './epoch.ts'
import type { EpochSize } from './epoch-size.ts'
import type { Epochs } from './epochs.ts'
import type { OutputCollector } from './output-collector.ts'

/*
 * Owns the commits of a stream thread: takes the live epoch of its open tasks through a transaction.
 *
 * A commit, step by step:
 *   1. flush     caching stores forward what they hold back, in topological order (sinks append, stores change)
 *   2. capture   offsets of everything processed so far
 *   3. freeze    live layers become frozen; every changed row is serialised once into the changelog batch
 *   4. commit    outputs, dead letters, changelog and offsets in one transaction (LogWriter)
 *   5. settle    frozen rows + changelog position go to each backend in one atomic batch, queries see them
 * Steps 1-3 are one synchronous block (Epoch.freeze): no record is processed between them. During 4 and 5 processing fills the next
 * epoch.
 *
 * 1. At most one commit is in flight; nothing of the live epoch is sent before it has settled.
 * 2. A store is written only after the transaction is known to be committed (architecture 1, 2).
 * 3. After a failed or unknown outcome the cycle is broken: its owner throws both layers away (architecture 3).
 */
export interface CommitCycleOptions {
  readonly writer: LogWriter
  readonly admin: LogAdmin
  readonly collector: OutputCollector
  readonly clock: Clock
  readonly metrics: ThreadMetrics
  readonly group: () => GroupMetadata | null
  readonly epochs: Epochs
  readonly size: EpochSize
  readonly pace: CommitPace
  readonly tasks: OpenTasks
  /** Called when a commit has settled or failed. */
  readonly onSettled: () => void
  readonly onEvent: ThreadListener
}

type State =
  | { readonly type: 'idle' }
  | { readonly type: 'in-flight'; readonly done: Promise<void> }
  | { readonly type: 'broken'; readonly error: unknown }

export class CommitCycle {
  readonly #options: CommitCycleOptions
  #state: State = { type: 'idle' }
  /** Clock.monotonic() of the last begin. */
  lastBegin = Number.NEGATIVE_INFINITY
  /** Clock.monotonic() of the last time that a commit settled or failed, or had nothing to send. */
  lastEnd = Number.NEGATIVE_INFINITY

  constructor(options: CommitCycleOptions) {
    this.#options = options
  }

  get isIdle(): boolean {
    return this.#state.type === 'idle'
  }

  /** @throws the error that broke the cycle, as EpochSize judges it */
  check(): void {
    if (this.#state.type === 'broken') throw this.#state.error
  }

  /** Waits until nothing is in flight. @throws the error that broke the cycle */
  async settled(): Promise<void> {
    while (this.#state.type === 'in-flight') await this.#state.done
    this.check()
  }

  /** Throws away the live epoch, and a broken one. Nothing may be in flight. */
  discard(): void {
    this.#state = { type: 'idle' }
    this.#options.epochs.next()
  }

  /**
   * Steps 1-3 now, 4 and 5 in the background. Must be idle.
   * @throws what EpochSize makes of a ProductionError, when what is flushed, or a row, cannot be written;
   * nothing is in flight then
   */
  begin(): void {
    const { clock, epochs, size, pace, tasks, onSettled } = this.#options
    const now = clock.monotonic()
    pace.begins(now - this.lastBegin)
    this.lastBegin = now
    const epoch = epochs.live
    try {
      epoch.freeze(tasks.byId.values())
    } catch (error) {
      throw size.judge(error, epoch)
    }
    epochs.next()
    this.lastEnd = now
    if (epoch.isEmpty) return
    const done = this.#complete(epoch).then(
      () => {
        size.committed(epoch)
        this.lastEnd = clock.monotonic()
        pace.settled(this.lastEnd - this.lastBegin)
        this.#state = { type: 'idle' }
        onSettled()
      },
      (error: unknown) => {
        this.lastEnd = clock.monotonic()
        this.#state = { type: 'broken', error: size.judge(error, epoch) }
        onSettled()
      },
    )
    this.#state = { type: 'in-flight', done }
  }

  async #complete(epoch: Epoch): Promise<void> {
    const { admin, collector, clock, metrics, tasks, onEvent } = this.#options
    const started = clock.monotonic()
    await collector.resolveDeferred(epoch, (topics) => admin.describeTopics(topics))
    await tasks.settle(epoch, await this.#commit(epoch), clock.now())
    metrics.commitSeconds.observe((clock.monotonic() - started) / 1000)
    epoch.count(metrics, clock.now())
    if (epoch.badRecords.first.length > 0) onEvent({ type: 'bad-records', bad: epoch.badRecords })
  }

  async #commit(epoch: Epoch): Promise<EndPositions> {
    const { writer, group } = this.#options
    const { batch, offsets, changelogs } = epoch
    try {
      return await writer.commit({ batch, offsets, group, changelogs })
    } catch (error) {
      throw epoch.refused(error)
    }
  }
}
