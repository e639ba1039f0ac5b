import type { ActiveMoves } from './active-moves.ts'
import type { GroupView } from './group-view.ts'
import { compareLags } from './shares.ts'
import type { AssignableTask, GroupKnowledge } from './types.ts'

/**
 * Task id -> processes with a standby of it: `replicas` of each stateful task, as far as there are processes, and besides these who
 * warms up for it or waits for its release (else it would close its state just before it gets the task).
 * Never on a process that has the task, releases it, or gets it next. Where members say their racks, copies of a task are on as many
 * racks as there are: one rack that fails leaves a copy. Those of before stay, as far as racks and load allow.
 */
export function standbysOf(
  view: GroupView,
  moves: ActiveMoves,
  replicas: number,
  before: GroupKnowledge,
): Map<string, string[]> {
  const deal = new StandbyDeal(view, moves)
  const stateful = view.tasks.filter(({ isStateful }) => isStateful)
  for (const isSpread of [true, false]) {
    for (const task of stateful) {
      const past = before.standbys[task.taskId] ?? []
      deal.add(task, replicas, { isSpread, isCandidate: (processId) => past.includes(processId) })
    }
    for (const task of stateful) deal.add(task, replicas, { isSpread, isCandidate: () => true })
  }
  deal.level()
  return new Map(stateful.map(({ taskId }) => [taskId, deal.withExtra(taskId)]))
}

interface AddRule {
  readonly isSpread: boolean
  readonly isCandidate: (processId: string) => boolean
}

/*
 * 1. A process is at most once among the standbys of a task, and only where it may be.
 * 2. #load is the number of standbys per process, without the extra ones.
 * 3. A process that says no rack counts as a rack of its own.
 */
class StandbyDeal {
  readonly #view: GroupView
  readonly #moves: ActiveMoves
  readonly #chosen = new Map<string, Set<string>>()
  readonly #load = new Map<string, number>()
  readonly #threads: ReadonlyMap<string, number>

  constructor(view: GroupView, moves: ActiveMoves) {
    this.#view = view
    this.#moves = moves
    this.#threads = new Map(view.members.map(({ processId, threads }) => [processId, threads]))
  }

  /**
   * Fills up to the number wanted: who is ready first, then who holds something; among these the least loaded. `isSpread`: no rack gets
   * a second copy.
   */
  add(task: AssignableTask, wanted: number, rule: AddRule): void {
    const { taskId } = task
    const chosen = this.#chosenOf(taskId)
    if (chosen.size >= wanted) return
    const { isSpread, isCandidate } = rule
    const rank = (processId: string): number =>
      this.#view.isReady(processId, task) ? 0 : this.#view.lag(processId, taskId) < Number.POSITIVE_INFINITY ? 1 : 2
    const best = this.#view
      .ranked(taskId)
      .filter((processId) => isCandidate(processId) && this.#isAllowed(processId, taskId))
      .map((processId) => ({ processId, rank: rank(processId), lag: this.#view.lag(processId, taskId) }))
      .sort(
        (a, b) =>
          a.rank - b.rank || this.#perThread(a.processId) - this.#perThread(b.processId) || compareLags(a.lag, b.lag),
      )
    for (const { processId } of best) {
      if (chosen.size >= wanted) return
      if (!isSpread || this.#isOnOwnRack(processId, taskId)) this.#put(processId, taskId)
    }
  }

  /** Each step makes the loads more even, so it ends; and what is even already stays as it is. */
  level(): void {
    while (this.#levelOnce()) {}
  }

  withExtra(taskId: string): string[] {
    const extra = this.#moves.warmUps.get(taskId) ?? this.#moves.successors.get(taskId)
    const all = new Set(this.#chosenOf(taskId))
    // A successor that runs the task beside another process must release it as the other does.
    if (extra !== undefined && !this.#view.runners(taskId).includes(extra)) all.add(extra)
    return [...all].sort()
  }

  #levelOnce(): boolean {
    const byLoad = this.#view.members
      .map(({ processId }) => processId)
      .sort((a, b) => this.#perThread(a) - this.#perThread(b))
    for (const from of [...byLoad].reverse()) {
      for (const to of byLoad) {
        if (this.#perThread(from) <= this.#perThread(to, 1)) break
        const taskId = this.#movable(from, to)
        if (taskId === null) continue
        this.#chosenOf(taskId).delete(from)
        this.#load.set(from, (this.#load.get(from) ?? 0) - 1)
        this.#put(to, taskId)
        return true
      }
    }
    return false
  }

  /** The standby that `to` is least behind with. */
  #movable(from: string, to: string): string | null {
    let best: string | null = null
    for (const [taskId, chosen] of this.#chosen) {
      if (!chosen.has(from) || !this.#isAllowed(to, taskId)) continue
      if (!this.#isOnOwnRack(to, taskId, from) && this.#isOnOwnRack(from, taskId, from)) continue
      if (best === null || this.#view.lag(to, taskId) < this.#view.lag(to, best)) best = taskId
    }
    return best
  }

  #isAllowed(processId: string, taskId: string): boolean {
    const { owners, successors, warmUps } = this.#moves
    return (
      owners.get(taskId) !== processId &&
      successors.get(taskId) !== processId &&
      warmUps.get(taskId) !== processId &&
      !this.#view.runners(taskId).includes(processId) &&
      !this.#chosenOf(taskId).has(processId)
    )
  }

  /** No other copy of the task is on the rack of that process. `except`: a standby that does not count. */
  #isOnOwnRack(processId: string, taskId: string, except?: string): boolean {
    const rack = this.#view.rackOf(processId)
    if (rack === null) return true
    const { owners, successors } = this.#moves
    const owner = owners.get(taskId) ?? successors.get(taskId)
    const copies = [...(owner === undefined ? [] : [owner]), ...this.#chosenOf(taskId)]
    return copies.every((other) => other === processId || other === except || this.#view.rackOf(other) !== rack)
  }

  #perThread(processId: string, more = 0): number {
    return ((this.#load.get(processId) ?? 0) + more) / (this.#threads.get(processId) ?? 1)
  }

  #put(processId: string, taskId: string): void {
    this.#chosenOf(taskId).add(processId)
    this.#load.set(processId, (this.#load.get(processId) ?? 0) + 1)
  }

  #chosenOf(taskId: string): Set<string> {
    const chosen = this.#chosen.get(taskId) ?? new Set()
    this.#chosen.set(taskId, chosen)
    return chosen
  }
}
