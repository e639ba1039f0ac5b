import { StreamsError } from '../../state/ports/errors.ts'
import { partitionKey } from '../../state/ports/topic-partition.ts'
import type { LogAdmin, TopicPartition } from '../ports/log.ts'
import type { TaskPosition } from '../thread/thread-control.ts'

/*
 * Owns what is known of the state this process holds: changelog positions, task by task, also of tasks it ran or followed once
 * (their stores stay on disk). An estimate, for the assignor: a position may be older than the store, and while a broker does not
 * answer, so may an end. A rebalance never waits for it long: the admin must give up soon.
 */
export class HeldState {
  readonly #admin: LogAdmin
  readonly #ends = new Map<string, number>()
  readonly #positions = new Map<string, TaskPosition['changelogs']>()

  constructor(admin: LogAdmin, leftOver: readonly TaskPosition[]) {
    this.#admin = admin
    this.note(leftOver)
  }

  note(positions: readonly TaskPosition[]): void {
    for (const { taskId, changelogs } of positions) this.#positions.set(taskId, changelogs)
  }

  forget(taskId: string): void {
    this.#positions.delete(taskId)
  }

  /** Task -> records its state is behind its changelogs, of all tasks but those. */
  async lags(except: ReadonlySet<string>): Promise<Readonly<Record<string, number>>> {
    const tasks = [...this.#positions].filter(([id]) => !except.has(id))
    await this.#readEnds(tasks.flatMap(([, changelogs]) => changelogs))
    const lags: Record<string, number> = {}
    for (const [id, changelogs] of tasks) {
      const lag = changelogs.reduce((sum, log) => sum + Math.max(0, this.#endOf(log) - log.position), 0)
      // Without any known end the lag is unknown.
      if (Number.isFinite(lag)) lags[id] = lag
    }
    return lags
  }

  async #readEnds(changelogs: readonly TopicPartition[]): Promise<void> {
    if (changelogs.length === 0) return
    try {
      const ends = await this.#admin.highWatermarks(changelogs)
      for (const [i, changelog] of changelogs.entries()) this.#ends.set(partitionKey(changelog), ends[i] as number)
    } catch (error) {
      // Use the ends known before. Each reader of the changelogs meets the failure itself.
      if (!(error instanceof StreamsError)) throw error
    }
  }

  #endOf(changelog: TopicPartition): number {
    return this.#ends.get(partitionKey(changelog)) ?? Number.POSITIVE_INFINITY
  }
}
