import type { LatencySample } from '../commit/commit-cycle.ts'
import type { CommitPolicy } from '../commit/commit-policy.ts'
import type { EpochSize } from '../commit/epoch-size.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { OpenTasks } from '../thread/open-tasks.ts'
import type { ThreadMetrics } from '../thread/thread-metrics.ts'

export interface ProcessingSliceOptions {
  readonly open: OpenTasks
  readonly policy: CommitPolicy
  readonly size: EpochSize
  readonly config: StreamsConfig
  readonly clock: Clock
  readonly metrics: ThreadMetrics
}

/** Records processed between two looks at the time. */
const RECORDS_PER_LOOK = 100

/** Processes for a few milliseconds, in turns over the tasks, and lets time pass; owns the latency samples of the live epoch. */
export class ProcessingSlice {
  readonly #options: ProcessingSliceOptions
  #latencies: LatencySample[] = []

  constructor(options: ProcessingSliceOptions) {
    this.#options = options
  }

  /** Answers how many records were processed; 0: nothing can be, for now. */
  run(): number {
    const { clock, config, metrics, open, size } = this.#options
    const started = clock.monotonic()
    let processed = 0
    for (;;) {
      let round = 0
      for (const task of open.running) {
        if (size.isFull) break
        const { room } = size
        const only = room === 1 ? task.nextRecord : null
        const count = task.process(Math.min(RECORDS_PER_LOOK, room))
        size.add(count, only)
        if (count > 0 && task.lastTimestamp >= 0) this.#latencies.push({ timestamp: task.lastTimestamp, weight: count })
        round += count
      }
      processed += round
      const elapsed = clock.monotonic() - started
      if (round === 0 || elapsed >= config.sliceMs) {
        if (processed > 0) metrics.recordProcessing.observe(elapsed / 1000 / processed, processed)
        return processed
      }
    }
  }

  /** Fires punctuators and idle ticks that are due by the clock; false: there were none. */
  letTimePass(): boolean {
    const { clock, open, size } = this.#options
    const now = clock.monotonic()
    let fired = 0
    for (const task of open.running) {
      if (task.nextSystemPunctuation <= now && task.punctuateSystemTime()) fired++
      if (task.tickIfIdle()) fired++
    }
    if (fired > 0) size.add(fired, null)
    return fired > 0
  }

  /** When to come back if nothing happens, Clock.monotonic(); +Infinity: only when something happens. */
  get deadline(): number {
    const { open, policy } = this.#options
    let { deadline } = policy
    for (const task of open.running) {
      deadline = Math.min(deadline, task.nextSystemPunctuation, task.nextIdleLook)
    }
    return deadline
  }

  takeLatencies(): readonly LatencySample[] {
    const latencies = this.#latencies
    this.#latencies = []
    return latencies
  }
}
