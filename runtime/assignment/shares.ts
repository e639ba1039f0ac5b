import { parseTaskId } from '../task/task-id.ts'
import type { GroupView } from './group-view.ts'
import { capOf } from './quotas.ts'

interface Share {
  readonly quota: number
  readonly tasks: Set<string>
  /** Subtopology -> most of its tasks. */
  readonly caps: ReadonlyMap<number, number>
  readonly counts: Map<number, number>
}

/*
 * The division of tasks among processes, while it is worked out.
 * 1. No process has more than its quota; the quotas add up to all tasks.
 * 2. No process has more of a subtopology than its cap, unless giveAnyway put it there.
 * 3. A task is with one process at most.
 */
export class Shares {
  readonly #view: GroupView
  readonly #shares = new Map<string, Share>()

  constructor(view: GroupView, quotas: ReadonlyMap<string, number>) {
    this.#view = view
    const sizes = new Map<number, number>()
    for (const { taskId } of view.tasks) sizes.set(subtopologyOf(taskId), (sizes.get(subtopologyOf(taskId)) ?? 0) + 1)
    for (const member of view.members) {
      const caps = new Map([...sizes].map(([subtopology, size]) => [subtopology, capOf(size, member, view.members)]))
      const quota = quotas.get(member.processId) ?? 0
      this.#shares.set(member.processId, { quota, tasks: new Set(), caps, counts: new Map() })
    }
  }

  owners(): Map<string, string> {
    return new Map(
      [...this.#shares].flatMap(([processId, { tasks }]) => [...tasks].map((taskId) => [taskId, processId])),
    )
  }

  /** false when the task does not fit. */
  give(processId: string, taskId: string): boolean {
    const share = this.#share(processId)
    if (!hasRoom(share) || !hasRoomFor(share, subtopologyOf(taskId))) return false
    this.#put(share, taskId)
    return true
  }

  /**
   * Gives the task to a process that has reached its quota, though not its cap, by moving other tasks on: along the shortest
   * chain of processes that ends at one with room (an augmenting path). Returns false when there is no such chain.
   */
  giveByShifting(taskId: string): boolean {
    const cameBy = new Map<string, { readonly from: string | null; readonly taskId: string }>()
    const starts = [...this.#view.ranked(taskId)].sort((a, b) => byLag(this.#view, taskId, a, b))
    for (const processId of starts) {
      if (hasRoomFor(this.#share(processId), subtopologyOf(taskId))) cameBy.set(processId, { from: null, taskId })
    }
    for (const processId of cameBy.keys()) {
      const share = this.#share(processId)
      if (hasRoom(share)) {
        this.#shift(processId, cameBy)
        return true
      }
      for (const subtopology of [...share.counts.keys()].sort((a, b) => a - b)) {
        for (const { processId: next } of this.#view.members) {
          if (cameBy.has(next) || !hasRoomFor(this.#share(next), subtopology)) continue
          const moved = this.#easiestToMove(share, subtopology, next)
          // This loop visits what it adds: a Map is iterated in insertion order, entries added during the loop included.
          if (moved !== null) cameBy.set(next, { from: processId, taskId: moved })
        }
      }
    }
    return false
  }

  /** Gives the task to a process with room, whatever its caps: with unequal threads rounding may leave no other way. */
  giveAnyway(taskId: string, preferred: string | null): void {
    const candidates = preferred === null ? [] : [preferred]
    for (const processId of [...candidates, ...this.#view.ranked(taskId)]) {
      const share = this.#share(processId)
      if (hasRoom(share)) {
        this.#put(share, taskId)
        return
      }
    }
  }

  #shift(last: string, cameBy: ReadonlyMap<string, { readonly from: string | null; readonly taskId: string }>): void {
    for (let processId: string | null = last; processId !== null; ) {
      const step = cameBy.get(processId)
      if (step === undefined) return
      if (step.from !== null) this.#take(this.#share(step.from), step.taskId)
      this.#put(this.#share(processId), step.taskId)
      processId = step.from
    }
  }

  /** Prefers a task that nobody runs, then the one `to` is least behind with. */
  #easiestToMove(share: Share, subtopology: number, to: string): string | null {
    const cost = (taskId: string): number => this.#view.lag(to, taskId)
    const isRun = (taskId: string): number => Math.min(this.#view.runners(taskId).length, 1)
    let best: string | null = null
    for (const { taskId } of this.#view.tasks) {
      if (!share.tasks.has(taskId) || subtopologyOf(taskId) !== subtopology) continue
      if (
        best === null ||
        isRun(taskId) < isRun(best) ||
        (isRun(taskId) === isRun(best) && cost(taskId) < cost(best))
      ) {
        best = taskId
      }
    }
    return best
  }

  #put(share: Share, taskId: string): void {
    share.tasks.add(taskId)
    share.counts.set(subtopologyOf(taskId), (share.counts.get(subtopologyOf(taskId)) ?? 0) + 1)
  }

  #take(share: Share, taskId: string): void {
    share.tasks.delete(taskId)
    share.counts.set(subtopologyOf(taskId), (share.counts.get(subtopologyOf(taskId)) ?? 0) - 1)
  }

  #share(processId: string): Share {
    return this.#shares.get(processId) as Share
  }
}

function hasRoom(share: Share): boolean {
  return share.tasks.size < share.quota
}

function hasRoomFor(share: Share, subtopology: number): boolean {
  return (share.counts.get(subtopology) ?? 0) < (share.caps.get(subtopology) ?? 0)
}

function byLag(view: GroupView, taskId: string, a: string, b: string): number {
  return compareLags(view.lag(a, taskId), view.lag(b, taskId))
}

/** Infinity - Infinity is NaN, which is no order. */
export function compareLags(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function subtopologyOf(taskId: string): number {
  return parseTaskId(taskId).subtopology
}
