import type { Plan } from '../../topology/plan.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { LogAdmin } from '../ports/log.ts'
import type { OpenTask } from '../restore/task-opener.ts'

/*
 * Deletes consumed records of repartition topics.
 * 1. Only below offsets that are known to be committed: it asks for the stable committed offsets.
 * 2. Best effort: a failure is counted and tried again at the next interval, it never stops a task.
 */
export class RepartitionPurge {
  readonly #repartitionTopics: ReadonlySet<string>
  readonly #config: StreamsConfig
  readonly #admin: LogAdmin
  readonly #clock: Clock
  #last: number
  #running = false
  failures = 0

  constructor(plan: Plan, config: StreamsConfig, admin: LogAdmin, clock: Clock) {
    this.#repartitionTopics = new Set(plan.internalTopics.filter((t) => t.kind === 'repartition').map((t) => t.name))
    this.#config = config
    this.#admin = admin
    this.#clock = clock
    this.#last = clock.monotonic()
  }

  /** Starts a purge in the background when the interval has passed. */
  maybeRun(tasks: Iterable<OpenTask>): void {
    const now = this.#clock.monotonic()
    if (this.#running || this.#repartitionTopics.size === 0) return
    if (now - this.#last < this.#config.repartitionPurgeIntervalMs) return
    this.#last = now
    const partitions = [...tasks]
      .flatMap(({ sources }) => sources)
      .filter(({ topic }) => this.#repartitionTopics.has(topic))
      .map(({ topic, partition }) => ({ topic, partition }))
    if (partitions.length === 0) return
    this.#running = true
    void this.#purge(partitions).finally(() => {
      this.#running = false
    })
  }

  async #purge(partitions: readonly { topic: string; partition: number }[]): Promise<void> {
    try {
      const committed = await this.#admin.committedOffsets(this.#config.applicationId, partitions)
      const offsets = committed.filter(({ offset }) => offset > 0)
      if (offsets.length > 0) await this.#admin.deleteRecords(offsets)
    } catch {
      // Invariant 2: nothing depends on it, the next interval tries again.
      this.failures++
    }
  }
}
