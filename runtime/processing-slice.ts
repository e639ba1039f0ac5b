import type { LatencySample } from './commit-cycle.ts'
import type { CommitPolicy } from './commit-policy.ts'
import type { OpenTasks } from './open-tasks.ts'
import type { Clock } from './ports/clock.ts'
import type { StreamsConfig } from './streams-config.ts'
import type { ThreadMetrics } from './thread-metrics.ts'

export interface ProcessingSliceOptions {
  readonly open: OpenTasks
  readonly policy: CommitPolicy
  readonly config: StreamsConfig
  readonly clock: Clock
  readonly metrics: ThreadMetrics
}

/** Records processed between two looks at the time. */
const RECORDS_PER_LOOK = 100

/** Processes for a few milliseconds, in turns over the tasks; owns the latency samples of the live epoch. */
export class ProcessingSlice {
  readonly #options: ProcessingSliceOptions
  #latencies: LatencySample[] = []

  constructor(options: ProcessingSliceOptions) {
    this.#options = options
  }

  /** Answers how many records were processed; 0: nothing can be, for now. */
  run(): number {
    const { clock, config, metrics, open, policy } = this.#options
    const started = clock.monotonic()
    let processed = 0
    for (;;) {
      let round = 0
      for (const task of open.running) {
        if (policy.isFull) break
        const count = task.process(RECORDS_PER_LOOK)
        if (count > 0) this.#latencies.push({ timestamp: task.lastTimestamp, weight: count })
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

  takeLatencies(): readonly LatencySample[] {
    const latencies = this.#latencies
    this.#latencies = []
    return latencies
  }
}
