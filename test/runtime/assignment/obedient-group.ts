import { NOTHING_KNOWN } from '../../../runtime/assignment/group-knowledge.ts'
import { planGroup } from '../../../runtime/assignment/plan-group.ts'
import type {
  AssignableTask,
  AssignmentConfig,
  GroupKnowledge,
  MemberAssignment,
  MemberReport,
} from '../../../runtime/assignment/types.ts'

export const config: AssignmentConfig = { standbyReplicas: 1, acceptableRecoveryLag: 100, maxWarmupReplicas: 2 }

/** tasksOf(2, 3) = 0_0 0_1 1_0 1_1 1_2; subtopologies named in `stateless` have no state. */
export function tasksOf(counts: readonly number[], stateless: readonly number[] = []): AssignableTask[] {
  return counts.flatMap((count, subtopology) =>
    Array.from({ length: count }, (_, partition) => ({
      taskId: `${subtopology}_${partition}`,
      isStateful: !stateless.includes(subtopology),
    })),
  )
}

export function reportOf(processId: string, fields: Partial<MemberReport> = {}): MemberReport {
  return {
    processId,
    applicationServer: `${processId}:8080`,
    threads: 1,
    transactionalIds: [`app-${processId}-0`],
    topology: 'v1',
    active: [],
    lags: {},
    ...fields,
  }
}

/** A round as planGroup sees it, and what came of it by process id. */
export interface Round {
  readonly reports: ReadonlyMap<string, MemberReport>
  readonly plan: ReadonlyMap<string, MemberAssignment>
}

interface Process {
  readonly threads: number
  active: Set<string>
  /** State it holds of tasks it does not run -> lag. */
  readonly held: Map<string, number>
  standby: Set<string>
}

const fromNothing = 100_000

/** Members that follow the plan: they release, open, and their standbys catch up between rounds. */
export class ObedientGroup {
  readonly #tasks: readonly AssignableTask[]
  readonly #config: AssignmentConfig
  readonly #processes = new Map<string, Process>()
  knowledge: GroupKnowledge = NOTHING_KNOWN

  constructor(tasks: readonly AssignableTask[], settings: AssignmentConfig = config) {
    this.#tasks = tasks
    this.#config = settings
  }

  get processIds(): string[] {
    return [...this.#processes.keys()]
  }

  join(processId: string, threads = 1): void {
    this.#processes.set(processId, { threads, active: new Set(), held: new Map(), standby: new Set() })
  }

  leave(processId: string): void {
    this.#processes.delete(processId)
  }

  /** Its disk survives. */
  restart(processId: string): void {
    const process = this.#process(processId)
    for (const taskId of process.active) if (this.#isStateful(taskId)) process.held.set(taskId, 0)
    process.active = new Set()
    process.standby = new Set()
  }

  /** Reduces their lag by this share (0..1). */
  catchUp(share = 1): void {
    for (const { standby, held } of this.#processes.values()) {
      for (const taskId of standby) held.set(taskId, Math.floor((held.get(taskId) ?? fromNothing) * (1 - share)))
    }
  }

  /** State that no process follows falls behind. */
  fallBehind(records: number): void {
    for (const { standby, held } of this.#processes.values()) {
      for (const [taskId, lag] of held) if (!standby.has(taskId)) held.set(taskId, lag + records)
    }
  }

  owners(): Map<string, string> {
    return new Map(
      [...this.#processes].flatMap(([processId, { active }]) =>
        [...active].map((taskId) => [taskId, processId] as const),
      ),
    )
  }

  counts(): number[] {
    return [...this.#processes.values()].map(({ active }) => active.size)
  }

  rebalance(): Round {
    const reports = new Map(
      [...this.#processes].map(([processId, process]) => [processId, toReport(processId, process)]),
    )
    const members = [...reports].map(([processId, report]) => ({ memberId: `member-${processId}`, report }))
    const byMember = planGroup(members, this.#tasks, this.#config, this.knowledge)
    const plan = new Map(
      members.map(({ memberId, report }) => [report.processId, byMember.get(memberId) as MemberAssignment]),
    )
    for (const [processId, assignment] of plan) {
      this.#obey(this.#process(processId), assignment)
      this.knowledge = assignment
    }
    return { reports, plan }
  }

  /** Rounds until nothing moves any more, the last one changing nothing. */
  settle(most: number, share = 1): Round[] {
    const rounds: Round[] = []
    for (let last = ''; rounds.length < most; ) {
      const round = this.rebalance()
      rounds.push(round)
      const now = JSON.stringify([...round.plan.values()])
      const isDone = [...round.plan.values()].every(
        ({ isProvisional, successors }) => !isProvisional && Object.keys(successors ?? {}).length === 0,
      )
      if (isDone && now === last) return rounds
      last = now
      this.catchUp(share)
    }
    throw new Error(`not settled after ${most} rounds`)
  }

  #obey(process: Process, assignment: MemberAssignment): void {
    for (const taskId of process.active) if (this.#isStateful(taskId)) process.held.set(taskId, 0)
    process.active = new Set(assignment.active)
    process.standby = new Set(assignment.standby)
    for (const taskId of process.active) process.held.delete(taskId)
    for (const taskId of process.standby) if (!process.held.has(taskId)) process.held.set(taskId, fromNothing)
  }

  #isStateful(taskId: string): boolean {
    return this.#tasks.some((task) => task.taskId === taskId && task.isStateful)
  }

  #process(processId: string): Process {
    return this.#processes.get(processId) as Process
  }
}

function toReport(processId: string, { threads, active, held }: Process): MemberReport {
  return reportOf(processId, { threads, active: [...active], lags: Object.fromEntries(held) })
}
