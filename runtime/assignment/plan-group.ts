import { admit, type Member } from './accepted-members.ts'
import { movesTowards } from './active-moves.ts'
import { targetOwners } from './active-tasks.ts'
import { goneTransactionalIds } from './group-knowledge.ts'
import { GroupView } from './group-view.ts'
import { standbysOf } from './standby-tasks.ts'
import type { AssignableTask, AssignmentConfig, GroupKnowledge, MemberAssignment } from './types.ts'

/**
 * The leader's work: one step from what the members report to a balanced group. Pure: any leader that knows the same comes to the
 * same, in whatever order members and tasks are given.
 * The group gets there by itself: a member that must release a task joins again at once, one whose warm-up has caught up
 * does too; when nothing is left to move, the next plan is the same.
 */
export function planGroup(
  members: readonly Member[],
  tasks: readonly AssignableTask[],
  config: AssignmentConfig,
  before: GroupKnowledge,
): ReadonlyMap<string, MemberAssignment> {
  const shutdown = reasonToStop(members)
  if (shutdown !== null) return lastGeneration(members, shutdown, before)
  const admission = admit(members, before)
  const view = new GroupView(admission, tasks, config)
  const moves = movesTowards(targetOwners(view, before), view, config.maxWarmupReplicas)
  const standbys = standbysOf(view, moves, config.standbyReplicas, before)

  // A refused member that still runs something may have a transaction open: it stays known until it is gone, to be fenced then.
  const known = [
    ...admission.accepted,
    ...admission.refused.map(({ member }) => member).filter(({ report }) => report.active.length > 0),
  ]
  const knowledge: GroupKnowledge = {
    owners: Object.fromEntries(moves.owners),
    standbys: Object.fromEntries([...standbys].filter(([, processIds]) => processIds.length > 0)),
    transactionalIds: transactionalIdsOf(known),
    endpoints: Object.fromEntries(
      admission.accepted.map(({ report }) => [report.processId, report.applicationServer] as const),
    ),
    successors: Object.fromEntries(moves.successors),
  }
  const common = {
    ...knowledge,
    fence: goneTransactionalIds(before, knowledge),
    isProvisional: moves.isProvisional,
  }

  const plan = new Map<string, MemberAssignment>()
  for (const { memberId, report } of admission.accepted) {
    const { processId } = report
    const active = view.tasks.filter(({ taskId }) => moves.owners.get(taskId) === processId)
    const standby = view.tasks.filter(({ taskId }) => standbys.get(taskId)?.includes(processId))
    plan.set(memberId, { ...common, active: idsOf(active), standby: idsOf(standby), refused: null })
  }
  for (const { member, reason } of admission.refused) {
    plan.set(member.memberId, { ...common, active: [], standby: [], refused: reason })
  }
  return plan
}

/** The reason of the smallest process id counts if several ask. */
function reasonToStop(members: readonly Member[]): string | null {
  const asking = members.filter(({ report }) => report.shutdown !== undefined)
  asking.sort((a, b) => (a.report.processId < b.report.processId ? -1 : 1))
  return asking[0]?.report.shutdown ?? null
}

/** Everybody keeps what it runs, to commit it for the last time, and stops. */
function lastGeneration(
  members: readonly Member[],
  shutdown: string,
  before: GroupKnowledge,
): ReadonlyMap<string, MemberAssignment> {
  // Nobody is fenced: members commit until they stop.
  const common = { ...before, transactionalIds: transactionalIdsOf(members), fence: [], isProvisional: false }
  return new Map(
    members.map(({ memberId, report: { active } }) => [
      memberId,
      { ...common, active, standby: [], refused: null, shutdown },
    ]),
  )
}

function transactionalIdsOf(members: readonly Member[]): Record<string, readonly string[]> {
  const ids: Record<string, readonly string[]> = {}
  for (const { report } of members) {
    ids[report.processId] = [...new Set([...(ids[report.processId] ?? []), ...report.transactionalIds])].sort()
  }
  return ids
}

function idsOf(tasks: readonly AssignableTask[]): string[] {
  return tasks.map(({ taskId }) => taskId)
}
