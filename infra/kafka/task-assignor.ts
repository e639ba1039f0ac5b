import { createHash } from 'node:crypto'

export interface AssignableMember {
  readonly processId: string
  readonly threads: number
}

/**
 * Deals tasks (`<subtopology>_<partition>`) to members. Pure and deterministic: any leader comes to the same result.
 * In order of weight:
 * 1. Balanced: a member gets its share of all tasks by threads, rounded; and at most its share of each subtopology, rounded
 *    up, as the tasks of one subtopology cost alike and those of different ones do not.
 * 2. Sticky: within these shares a task stays with its previous owner (`previous`: task id -> process id).
 * 3. Stable: what is left goes to the member that rendezvous hashing prefers, so even without memory most tasks stay.
 */
export function assignTasks(
  taskIds: readonly string[],
  members: readonly AssignableMember[],
  previous: ReadonlyMap<string, string> = new Map(),
): Map<string, string[]> {
  const shares = new Map<string, Share>()
  const quotas = totalQuotas(taskIds.length, members)
  const threads = members.reduce((sum, member) => sum + member.threads, 0)
  for (const member of members) {
    shares.set(member.processId, { quota: quotas.get(member.processId) ?? 0, tasks: [], bySubtopology: new Map() })
  }
  const perSubtopology = countBySubtopology(taskIds)
  const cap = (processId: string, subtopology: string): number => {
    const own = members.find((member) => member.processId === processId)?.threads ?? 0
    return Math.ceil(((perSubtopology.get(subtopology) ?? 0) * own) / threads)
  }
  const fits = (processId: string, taskId: string): boolean => {
    const share = shares.get(processId)
    const subtopology = subtopologyOf(taskId)
    return (
      share !== undefined &&
      share.tasks.length < share.quota &&
      (share.bySubtopology.get(subtopology) ?? 0) < cap(processId, subtopology)
    )
  }
  const give = (processId: string, taskId: string): void => {
    const share = shares.get(processId) as Share
    const subtopology = subtopologyOf(taskId)
    share.tasks.push(taskId)
    share.bySubtopology.set(subtopology, (share.bySubtopology.get(subtopology) ?? 0) + 1)
  }

  const left: string[] = []
  for (const taskId of [...taskIds].sort(compareTaskIds)) {
    const owner = previous.get(taskId)
    if (owner !== undefined && fits(owner, taskId)) give(owner, taskId)
    else left.push(taskId)
  }
  for (const taskId of left) {
    const ranked = rankedMembers(taskId, members)
    const choice =
      ranked.find((processId) => fits(processId, taskId)) ??
      ranked.find((processId) => hasRoom(shares.get(processId))) ??
      ranked[0]
    if (choice !== undefined) give(choice, taskId)
  }
  return new Map([...shares].map(([processId, { tasks }]) => [processId, tasks.sort(compareTaskIds)]))
}

interface Share {
  readonly quota: number
  readonly tasks: string[]
  readonly bySubtopology: Map<string, number>
}

function hasRoom(share: Share | undefined): boolean {
  return share !== undefined && share.tasks.length < share.quota
}

/** Largest remainder method; equal remainders by process id. */
function totalQuotas(tasks: number, members: readonly AssignableMember[]): Map<string, number> {
  const threads = members.reduce((sum, member) => sum + member.threads, 0)
  const exact = members.map((member) => ({ member, share: (tasks * member.threads) / threads }))
  const quotas = new Map(exact.map(({ member, share }) => [member.processId, Math.floor(share)]))
  let rest = tasks - exact.reduce((sum, { share }) => sum + Math.floor(share), 0)
  exact.sort(
    (a, b) => (b.share % 1) - (a.share % 1) || (a.member.processId < b.member.processId ? -1 : 1), // ids are unique
  )
  for (const { member } of exact) {
    if (rest-- <= 0) break
    quotas.set(member.processId, (quotas.get(member.processId) ?? 0) + 1)
  }
  return quotas
}

function countBySubtopology(taskIds: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const taskId of taskIds) counts.set(subtopologyOf(taskId), (counts.get(subtopologyOf(taskId)) ?? 0) + 1)
  return counts
}

function subtopologyOf(taskId: string): string {
  return taskId.slice(0, taskId.indexOf('_'))
}

function compareTaskIds(a: string, b: string): number {
  const [subtopologyA = 0, partitionA = 0] = a.split('_').map(Number)
  const [subtopologyB = 0, partitionB = 0] = b.split('_').map(Number)
  return subtopologyA - subtopologyB || partitionA - partitionB
}

function rankedMembers(taskId: string, members: readonly AssignableMember[]): string[] {
  const weight = (processId: string): string => createHash('sha1').update(`${taskId} ${processId}`).digest('hex')
  return members
    .map(({ processId }) => ({ processId, weight: weight(processId) }))
    .sort((a, b) => (a.weight < b.weight ? 1 : -1))
    .map(({ processId }) => processId)
}
