import type { GroupView } from './group-view.ts'
import { quotasOf } from './quotas.ts'
import { compareLags, Shares } from './shares.ts'
import type { AssignableTask, GroupKnowledge } from './types.ts'

/**
 * Where every task shall be in the end: task id -> process id. In order of weight:
 * 1. Balanced: each process has its share by threads, within one task; and at most its share of each subtopology, rounded up,
 *    as the tasks of one subtopology cost alike and those of different ones do not.
 * 2. Sticky: within these a task stays where it is (see claimantOf). What must go from a process is what others with room are
 *    least behind with, so that warm-ups are followed up.
 * 3. Stable: what nobody holds goes where rendezvous hashing says.
 */
export function targetOwners(view: GroupView, before: GroupKnowledge): Map<string, string> {
  const claims = new Map<string, string>()
  const claimed = new Map<string, number>()
  for (const task of view.tasks) {
    const claimant = claimantOf(task, view, before)
    if (claimant === null) continue
    claims.set(task.taskId, claimant)
    claimed.set(claimant, (claimed.get(claimant) ?? 0) + 1)
  }
  const quotas = quotasOf(view.tasks.length, view.members, claimed)
  const shares = new Shares(view, quotas)

  const withRoom = view.members
    .map(({ processId }) => processId)
    .filter((processId) => (claimed.get(processId) ?? 0) < (quotas.get(processId) ?? 0))
  let left: AssignableTask[] = []
  for (const task of hardestToMoveFirst(view, withRoom)) {
    const claimant = claims.get(task.taskId)
    if (claimant === undefined || !shares.give(claimant, task.taskId)) left.push(task)
  }
  left = giveToHolders(left, view, shares)
  left = left.filter(({ taskId }) => !view.ranked(taskId).some((processId) => shares.give(processId, taskId)))
  left = left.filter(({ taskId }) => !shares.giveByShifting(taskId))
  for (const { taskId } of left) shares.giveAnyway(taskId, claims.get(taskId) ?? null)
  return shares.owners()
}

/**
 * The process a task belongs to by its past: that runs it; else, of a stateful task, one that is caught up with it (first the one
 * it was being handed to, then its last owner, then the least behind), else the least behind; else the one it was being handed to
 * or its last owner.
 */
function claimantOf(task: AssignableTask, view: GroupView, before: GroupKnowledge): string | null {
  const { taskId } = task
  const past = [before.successors?.[taskId], before.owners[taskId]].filter((processId) => view.has(processId))
  const runners = view.runners(taskId).filter((runner) => typeof runner === 'string')
  if (runners.length > 0) return past.find((processId) => runners.includes(processId)) ?? runners[0] ?? null
  const holders = task.isStateful ? view.holders(taskId) : []
  return past.find((processId) => view.isReady(processId, task)) ?? holders[0] ?? past[0] ?? null
}

/** Sorts running tasks before others, then tasks that no process with room holds; stateless tasks come last. */
function hardestToMoveFirst(view: GroupView, withRoom: readonly string[]): AssignableTask[] {
  const cost = ({ taskId, isStateful }: AssignableTask): number =>
    isStateful ? Math.min(...withRoom.map((processId) => view.lag(processId, taskId))) : -1
  return view.tasks
    .map((task) => ({ task, isRun: view.runners(task.taskId).length > 0, cost: cost(task) }))
    .sort((a, b) => Number(b.isRun) - Number(a.isRun) || compareLags(b.cost, a.cost))
    .map(({ task }) => task)
}

/** Gives tasks to ready processes first, and begins with tasks that have the fewest of them. Returns the tasks that are left. */
function giveToHolders(tasks: readonly AssignableTask[], view: GroupView, shares: Shares): AssignableTask[] {
  const pairs = tasks
    .filter(({ isStateful }) => isStateful)
    .flatMap((task) => {
      const holders = view.holders(task.taskId)
      const ready = holders.filter((processId) => view.isReady(processId, task)).length
      return holders.map((processId, index) => ({
        task,
        processId,
        choices: index < ready ? ready : Number.POSITIVE_INFINITY,
        lag: view.lag(processId, task.taskId),
      }))
    })
    .sort((a, b) => compareLags(a.choices, b.choices) || a.lag - b.lag)
  const given = new Set<AssignableTask>()
  for (const { task, processId } of pairs) {
    if (!given.has(task) && shares.give(processId, task.taskId)) given.add(task)
  }
  return tasks.filter((task) => !given.has(task))
}
