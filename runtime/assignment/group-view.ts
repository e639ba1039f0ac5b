import { createHash } from 'node:crypto'
import { compareTaskIds } from '../task/task-id.ts'
import type { Admission } from './accepted-members.ts'
import type { Weighted } from './quotas.ts'
import type { AssignableTask, AssignmentConfig, MemberReport } from './types.ts'

/** Marks a runner of a task that is refused but has yet to release it. */
export const REFUSED = Symbol('refused')

/*
 * The members' reports turned round: who runs a task, who holds its state.
 * 1. Tasks are in numeric order, members in that of their process ids, whatever the order they came in.
 * 2. Nothing in it changes but what is remembered of hashing.
 */
export class GroupView {
  readonly members: readonly Weighted[]
  readonly tasks: readonly AssignableTask[]
  readonly #reports: ReadonlyMap<string, MemberReport>
  readonly #runners = new Map<string, Array<string | typeof REFUSED>>()
  readonly #acceptableLag: number
  readonly #ranked = new Map<string, readonly string[]>()

  constructor({ accepted, refused }: Admission, tasks: readonly AssignableTask[], config: AssignmentConfig) {
    this.members = accepted.map(({ report: { processId, threads } }) => ({ processId, threads }))
    this.tasks = [...tasks].sort((a, b) => compareTaskIds(a.taskId, b.taskId))
    this.#reports = new Map(accepted.map(({ report }) => [report.processId, report]))
    this.#acceptableLag = config.acceptableRecoveryLag
    for (const { report } of accepted) this.#addRunner(report.processId, report.active)
    for (const { member } of refused) this.#addRunner(REFUSED, member.report.active)
  }

  has(processId: string | undefined): processId is string {
    return processId !== undefined && this.#reports.has(processId)
  }

  /** null when it says none. */
  rackOf(processId: string): string | null {
    return this.#reports.get(processId)?.rack ?? null
  }

  /** Processes that report the task active: more than one only when something went wrong. */
  runners(taskId: string): ReadonlyArray<string | typeof REFUSED> {
    return this.#runners.get(taskId) ?? []
  }

  /** Records the process is behind; Infinity when it holds nothing of the task. */
  lag(processId: string, taskId: string): number {
    if (this.runners(taskId).includes(processId)) return 0
    return this.#reports.get(processId)?.lags[taskId] ?? Number.POSITIVE_INFINITY
  }

  /** It can run the task without a restore worth waiting for. */
  isReady(processId: string, task: AssignableTask): boolean {
    return !task.isStateful || this.lag(processId, task.taskId) <= this.#acceptableLag
  }

  /** Processes that hold state of the task, those least behind first. */
  holders(taskId: string): string[] {
    return this.ranked(taskId)
      .filter((processId) => this.lag(processId, taskId) < Number.POSITIVE_INFINITY)
      .sort((a, b) => this.lag(a, taskId) - this.lag(b, taskId))
  }

  /** Rendezvous hashing: an order of the processes that is the task's own, and the same for the rest when one is gone. */
  ranked(taskId: string): readonly string[] {
    let ranked = this.#ranked.get(taskId)
    if (ranked === undefined) {
      ranked = this.members
        .map(({ processId }) => ({ processId, weight: weightOf(taskId, processId) }))
        .sort((a, b) => (a.weight < b.weight ? 1 : -1))
        .map(({ processId }) => processId)
      this.#ranked.set(taskId, ranked)
    }
    return ranked
  }

  #addRunner(runner: string | typeof REFUSED, taskIds: readonly string[]): void {
    for (const taskId of new Set(taskIds)) {
      const runners = this.#runners.get(taskId)
      if (runners === undefined) this.#runners.set(taskId, [runner])
      else runners.push(runner)
    }
  }
}

function weightOf(taskId: string, processId: string): string {
  return createHash('sha1').update(`${taskId} ${processId}`).digest('hex')
}
