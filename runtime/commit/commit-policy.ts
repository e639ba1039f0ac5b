import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { StreamTask } from '../task/stream-task.ts'
import type { CommitCycle } from './commit-cycle.ts'
import type { EpochSize } from './epoch-size.ts'
import type { OutputCollector } from './output-collector.ts'

/** Position moves without records (markers) are committed this lazily, ms. */
const MARKER_COMMIT_MS = 500

export interface CommitPolicyOptions {
  readonly config: StreamsConfig
  readonly clock: Clock
  readonly cycle: CommitCycle
  readonly collector: OutputCollector
  readonly size: EpochSize
  readonly tasks: () => readonly StreamTask[]
}

/** Decides when the live epoch of a stream thread is committed: soon when drained, by interval and bytes when behind. */
export class CommitPolicy {
  readonly #options: CommitPolicyOptions

  constructor(options: CommitPolicyOptions) {
    this.#options = options
  }

  /** Some position moved, if only over markers, or was never committed. */
  get hasMoved(): boolean {
    return this.#options.tasks().some((task) => task.hasMoved)
  }

  /** Everything that was done is committed. */
  get isSettled(): boolean {
    return this.#options.cycle.isIdle && !this.#hasWork
  }

  /** @param isDrained nothing was processed just now, and nothing waits */
  isDue(isDrained: boolean): boolean {
    const { config, clock, cycle, size, tasks } = this.#options
    if (!cycle.isIdle) return false
    const since = clock.monotonic() - cycle.lastBegin
    if (since < config.commitFloorMs) return false
    if (!this.#hasWork) return since >= MARKER_COMMIT_MS && this.hasMoved
    return isDrained || since >= config.commitIntervalMs || size.isFull || tasks().some((task) => task.commitRequested)
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
    if (!this.#options.collector.isEmpty) return true
    for (const task of this.#options.tasks()) {
      if (task.inputBytes > 0) return true
      for (const store of task.stores) if (store.dirtyEntries() > 0) return true
    }
    return false
  }
}
