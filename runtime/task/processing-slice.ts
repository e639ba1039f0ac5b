import type { EpochSize } from '../commit/epoch-size.ts'
import type { Epochs } from '../commit/epochs.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { ThreadMetrics } from '../thread/thread-metrics.ts'
import type { StreamTask } from './stream-task.ts'

export interface ProcessingSliceOptions {
  readonly epochs: Epochs
  readonly size: EpochSize
  readonly config: StreamsConfig
  readonly clock: Clock
  readonly metrics: ThreadMetrics
}

/** Records processed between two checks of the time. */
const RECORDS_PER_LOOK = 100

/** Processes for a few milliseconds, in turns over the tasks, and fires what is due by time. */
export class ProcessingSlice {
  readonly #options: ProcessingSliceOptions

  constructor(options: ProcessingSliceOptions) {
    this.#options = options
  }

  /** Returns how many records were processed or left out; 0: none can be at the moment. */
  run(tasks: readonly StreamTask[]): number {
    const { clock, config, metrics, size } = this.#options
    const { live } = this.#options.epochs
    const started = clock.monotonic()
    const before = live.processed
    let steps = 0
    for (;;) {
      let round = 0
      for (const task of tasks) {
        if (size.isFull(live)) break
        round += this.#process(task)
      }
      steps += round
      const elapsed = clock.monotonic() - started
      if (round > 0 && elapsed < config.sliceMs) continue
      const processed = live.processed - before
      if (processed > 0) metrics.recordProcessing.observe(elapsed / 1000 / processed, processed)
      return steps
    }
  }

  #process(task: StreamTask): number {
    const { live } = this.#options.epochs
    const answered = task.hasAnswers ? this.#answer(task) : 0
    const { room, processed } = live
    if (room <= 0) return answered
    const only = room === 1 ? task.nextRecord : null
    const steps = task.process(Math.min(RECORDS_PER_LOOK, room))
    live.addSteps(steps, only)
    live.sampleLatency(task.lastTimestamp, live.processed - processed)
    return answered + steps
  }

  #answer(task: StreamTask): number {
    const { live } = this.#options.epochs
    const only = live.room === 1 ? task.nextAnswer : null
    const answers = task.answer(Math.min(RECORDS_PER_LOOK, live.room))
    live.addSteps(answers, only)
    return answers
  }

  /** Fires due punctuators and idle ticks. */
  letTimePass(tasks: readonly StreamTask[]): void {
    const now = this.#options.clock.monotonic()
    let fired = 0
    for (const { time } of tasks) {
      if (time.nextSystemPunctuation <= now && time.punctuateSystemTime()) fired++
      if (time.tickIfIdle()) fired++
    }
    this.#options.epochs.live.addSteps(fired, null)
  }
}
