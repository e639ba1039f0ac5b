import type { GroupView } from './group-view.ts'
import { compareLags } from './shares.ts'
import type { AssignableTask } from './types.ts'

/** One step towards the target. */
export interface ActiveMoves {
  /** Task id -> process id that has it in this generation. */
  readonly owners: ReadonlyMap<string, string>
  /** Task id that nobody has yet, as it has to be released first -> process id that gets it then. */
  readonly successors: ReadonlyMap<string, string>
  /** Task id -> process id that has to catch up with it before it moves. At most maxWarmupReplicas. */
  readonly warmUps: ReadonlyMap<string, string>
  /** Some move waits for its destination to catch up, with a warm-up or for one. */
  readonly isProvisional: boolean
}

/**
 * 1. A task that is reported active is given to nobody but who reports it: the owner releases it in this generation, its successor
 *    gets it in the next.
 * 2. When more than one report it, nobody gets it: it is unknown which of them is right, as the leader may have missed generations
 *    itself. All release it, which costs one generation's pause.
 * 3. A stateful task leaves a living owner only for a process that is ready; until then the owner keeps it.
 * 4. A stateful task without an owner goes at once: to its target if that is ready, else to anyone who is, even above its share, to move
 *    on later; when nobody is, its target restores it.
 */
export function movesTowards(
  target: ReadonlyMap<string, string>,
  view: GroupView,
  maxWarmupReplicas: number,
): ActiveMoves {
  const owners = new Map<string, string>()
  const successors = new Map<string, string>()
  const waiting: Array<{ task: AssignableTask; destination: string; lag: number }> = []
  const load = new Map<string, number>()
  for (const processId of target.values()) load.set(processId, (load.get(processId) ?? 0) + 1)

  for (const task of view.tasks) {
    const { taskId } = task
    const destination = target.get(taskId)
    if (destination === undefined) continue
    const [runner, ...more] = view.runners(taskId)
    let owner: string | null
    if (runner === undefined) owner = view.isReady(destination, task) ? destination : standIn(task, view, load)
    else if (more.length > 0 || typeof runner !== 'string') owner = null
    else owner = runner === destination || !view.isReady(destination, task) ? runner : null

    if (owner === null && runner !== undefined) successors.set(taskId, destination)
    else owners.set(taskId, owner ?? destination)
    if (owner !== null && owner !== destination) {
      waiting.push({ task, destination, lag: view.lag(destination, taskId) })
    }
  }
  waiting.sort((a, b) => compareLags(a.lag, b.lag))
  const warmUps = new Map(
    waiting.slice(0, maxWarmupReplicas).map(({ task, destination }) => [task.taskId, destination]),
  )
  return { owners, successors, warmUps, isProvisional: waiting.length > 0 }
}

/** The least loaded process that is ready, if any is. */
function standIn(task: AssignableTask, view: GroupView, load: Map<string, number>): string | null {
  const threads = new Map(view.members.map((member) => [member.processId, member.threads]))
  const perThread = (processId: string): number => (load.get(processId) ?? 0) / (threads.get(processId) ?? 1)
  const [first] = view
    .holders(task.taskId)
    .filter((processId) => view.isReady(processId, task))
    .sort((a, b) => perThread(a) - perThread(b))
  if (first === undefined) return null
  load.set(first, (load.get(first) ?? 0) + 1)
  return first
}
