import type { TopicPartition } from '../../runtime/ports/log.ts'
import type { MemberInfo, TaskPartitions } from '../../runtime/ports/membership.ts'
import { assignmentUserData, encodeAssignment, encodeSubscription, subscriptionUserData } from './consumer-protocol.ts'
import { assignTasks } from './task-assignor.ts'

/** What every member of a generation gets to know about it. */
export interface GroupKnowledge {
  /** Task id -> process id. */
  readonly owners: Readonly<Record<string, string>>
  /** Process id -> its transactional ids. */
  readonly transactionalIds: Readonly<Record<string, readonly string[]>>
}

export const NOTHING_KNOWN: GroupKnowledge = { owners: {}, transactionalIds: {} }

export interface MemberAssignment extends GroupKnowledge {
  readonly tasks: readonly string[]
  /** Transactional ids of members that are gone: to be fenced before any task is opened. */
  readonly fence: readonly string[]
}

/**
 * The same bytes for the same configuration, whatever the member has lived through: a static member that comes back
 * with other bytes than before makes the whole group rebalance.
 */
export function subscriptionOf(info: MemberInfo, tasks: readonly TaskPartitions[]): Buffer {
  const topics = [...new Set(tasks.flatMap(({ partitions }) => partitions.map(({ topic }) => topic)))].sort()
  const { processId, transactionalIds, threads, applicationServer } = info
  return encodeSubscription(
    topics,
    Buffer.from(JSON.stringify({ processId, transactionalIds, threads, applicationServer })),
  )
}

/** null for a member that speaks another dialect. */
function memberInfoOf(subscription: Buffer): MemberInfo | null {
  const userData = subscriptionUserData(subscription)
  return userData === null ? null : (JSON.parse(userData.toString()) as MemberInfo)
}

export function parseAssignment(assignment: Buffer): MemberAssignment {
  const userData = assignmentUserData(assignment)
  if (userData === null) return { tasks: [], fence: [], ...NOTHING_KNOWN }
  return JSON.parse(userData.toString()) as MemberAssignment
}

/** Transactional ids that `before` knew and that no member of `now` has. */
export function goneTransactionalIds(before: GroupKnowledge, now: GroupKnowledge): string[] {
  const present = new Set(Object.values(now.transactionalIds).flat())
  return Object.values(before.transactionalIds)
    .flat()
    .filter((id) => !present.has(id))
    .sort()
}

/** The leader's work: deals all tasks to the members and tells each of them what it must know. */
export function planGroup(
  members: ReadonlyArray<{ readonly memberId: string; readonly metadata: Buffer }>,
  tasks: readonly TaskPartitions[],
  before: GroupKnowledge,
): Array<{ memberId: string; assignment: Buffer }> {
  const known = members.flatMap(({ memberId, metadata }) => {
    const info = memberInfoOf(metadata)
    return info === null ? [] : [{ memberId, info }]
  })
  const shares = assignTasks(
    tasks.map(({ taskId }) => taskId),
    known.map(({ info }) => info),
    new Map(Object.entries(before.owners)),
  )
  const owners: Record<string, string> = {}
  for (const [processId, taskIds] of shares) for (const taskId of taskIds) owners[taskId] = processId
  const transactionalIds: Record<string, readonly string[]> = {}
  for (const { info } of known) transactionalIds[info.processId] = info.transactionalIds
  const fence = goneTransactionalIds(before, { owners, transactionalIds })
  const partitionsOf = new Map<string, readonly TopicPartition[]>(tasks.map((task) => [task.taskId, task.partitions]))
  return known.map(({ memberId, info }) => {
    const own = shares.get(info.processId) ?? []
    const assignment: MemberAssignment = { tasks: own, fence, owners, transactionalIds }
    const partitions = own.flatMap((taskId) => partitionsOf.get(taskId) ?? [])
    return { memberId, assignment: encodeAssignment(partitions, Buffer.from(JSON.stringify(assignment))) }
  })
}
