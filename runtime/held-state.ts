import type { LogAdmin } from './ports/log.ts'
import type { TaskPosition } from './thread-control.ts'

/*
 * Owns what is known of the state this process holds: changelog positions, task by task, also of tasks it ran or followed once
 * (their stores stay on disk). An estimate, for the assignor: a position may be older than the store.
 */
export class HeldState {
  readonly #admin: LogAdmin
  readonly #positions = new Map<string, TaskPosition['changelogs']>()

  constructor(admin: LogAdmin, leftOver: readonly TaskPosition[]) {
    this.#admin = admin
    this.note(leftOver)
  }

  note(positions: readonly TaskPosition[]): void {
    for (const { taskId, changelogs } of positions) this.#positions.set(taskId, changelogs)
  }

  /** Task -> records its state is behind its changelogs, of all tasks but those. */
  async lags(except: ReadonlySet<string>): Promise<Readonly<Record<string, number>>> {
    const tasks = [...this.#positions].filter(([id]) => !except.has(id))
    const changelogs = tasks.flatMap(([, own]) => own)
    const ends = changelogs.length === 0 ? [] : await this.#admin.highWatermarks(changelogs)
    const lags: Record<string, number> = {}
    let next = 0
    for (const [id, own] of tasks) {
      lags[id] = own.reduce((sum, { position }) => sum + Math.max(0, (ends[next++] as number) - position), 0)
    }
    return lags
  }
}
