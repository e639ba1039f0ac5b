import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { OpenTasks } from '../thread/open-tasks.ts'
import type { CommitCycle } from './commit-cycle.ts'
import type { EpochSize } from './epoch-size.ts'
import type { Epochs } from './epochs.ts'

/** Position moves without records (markers) are committed this lazily, ms. */
const MARKER_COMMIT_MS = 500

export interface CommitPolicyOptions {
  readonly config: StreamsConfig
  readonly clock: Clock
  readonly cycle: CommitCycle
  readonly epochs: Epochs
  readonly size: EpochSize
  readonly tasks: OpenTasks
}

/** Decides when the live epoch of a stream thread is committed: soon when drained, by interval and bytes when behind. */
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
    const { config, clock, cycle, epochs, size } = this.#options
    if (!cycle.isIdle) return false
    const since = clock.monotonic() - cycle.lastBegin
    if (since < config.commitFloorMs) return false
    if (!this.#hasWork) return since >= MARKER_COMMIT_MS && this.hasMoved
    const { live } = epochs
    return isDrained || since >= config.commitIntervalMs || size.isFull(live) || live.commitRequested
  }

  /** When to look again if nothing happens, Clock.monotonic(); +Infinity: only when something happens. */
  get deadline(): number {
    const { config, cycle } = this.#options
    if (!cycle.isIdle) return Number.POSITIVE_INFINITY
    if (this.#hasWork) return cycle.lastBegin + config.commitFloorMs
    return this.hasMoved ? cycle.lastBegin + MARKER_COMMIT_MS : Number.POSITIVE_INFINITY
  }

  /** Something was processed, dead-lettered or punctuated since the last commit. */
  get #hasWork(): boolean {
    const { live } = this.#options.epochs
    if (live.hasOutput || live.inputBytes > 0) return true
    return this.#options.tasks.running.some(({ stores }) => stores.some((store) => store.dirtyEntries() > 0))
  }
}
