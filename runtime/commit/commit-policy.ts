import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { OpenTasks } from '../thread/open-tasks.ts'
import type { CommitCycle } from './commit-cycle.ts'
import type { CommitPace } from './commit-pace.ts'
import type { EpochSize } from './epoch-size.ts'
import type { Epochs } from './epochs.ts'

/** Position moves without records (markers) are committed this lazily, ms. */
const MARKER_COMMIT_MS = 500

export interface CommitPolicyOptions {
  readonly config: StreamsConfig
  readonly clock: Clock
  readonly cycle: CommitCycle
  readonly pace: CommitPace
  readonly epochs: Epochs
  readonly size: EpochSize
  readonly tasks: OpenTasks
}

/*
 * Decides when the live epoch of a stream thread is committed.
 * 1. An epoch that is full, or whose commit a processor asked for, goes after the floor.
 * 2. When all input that is known of is processed, it goes after the gap of CommitPace: latency counts then. CommitPace lets an epoch
 *    go earlier that somebody waits for.
 * 3. When the thread is behind, it goes commitIntervalMs after the end of the commit before it, as in Kafka Streams: then large batches
 *    count, and waiting costs no latency. An empty buffer does not mean that the thread has caught up: the brokers may hold more.
 * 4. An epoch with work never waits for longer than the commit before it takes, and commitIntervalMs after that.
 */
export class CommitPolicy {
  readonly #options: CommitPolicyOptions

  constructor(options: CommitPolicyOptions) {
    this.#options = options
  }

  /** Some position moved, if only over markers, or was never committed. */
  get hasMoved(): boolean {
    return this.#options.tasks.running.some((task) => task.hasMoved)
  }

  /** Everything that was done is committed. */
  get isSettled(): boolean {
    return this.#options.cycle.isIdle && !this.#hasWork
  }

  /** @param isDrained nothing was processed just now, and nothing waits */
  isDue(isDrained: boolean): boolean {
    const { clock, cycle } = this.#options
    return cycle.isIdle && clock.monotonic() >= this.#dueAt(isDrained)
  }

  /** When to look again if nothing happens, Clock.monotonic(); +Infinity: only when something happens. */
  get deadline(): number {
    return this.#options.cycle.isIdle ? this.#dueAt(true) : Number.POSITIVE_INFINITY
  }

  /** Clock.monotonic() of the next commit, if nothing changes; +Infinity when there is nothing to commit. */
  #dueAt(isDrained: boolean): number {
    const { config, cycle, pace, epochs, size, tasks } = this.#options
    const { lastBegin, lastEnd } = cycle
    if (!this.#hasWork) return this.hasMoved ? lastBegin + MARKER_COMMIT_MS : Number.POSITIVE_INFINITY
    if (size.isFull(epochs.live) || epochs.live.commitRequested) return lastBegin + pace.floorMs
    if (!isDrained || !tasks.isCaughtUp) return lastEnd + config.commitIntervalMs
    return lastBegin + (epochs.live.isAwaited ? pace.awaitedGapMs : pace.gapMs)
  }

  /** Something was processed, dead-lettered or punctuated since the last commit. */
  get #hasWork(): boolean {
    const { live } = this.#options.epochs
    if (live.hasOutput || live.inputBytes > 0) return true
    return this.#options.tasks.running.some(({ stores }) => stores.some((store) => store.dirtyEntries() > 0))
  }
}
