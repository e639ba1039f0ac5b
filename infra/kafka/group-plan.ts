import type { Member } from '../../runtime/assignment/accepted-members.ts'
import { NOTHING_KNOWN } from '../../runtime/assignment/group-knowledge.ts'
import { planGroup } from '../../runtime/assignment/plan-group.ts'
import { parseAssignment, parseReport } from '../../runtime/assignment/report-codec.ts'
import type {
  AssignmentConfig,
  GroupKnowledge,
  MemberAssignment,
  MemberReport,
} from '../../runtime/assignment/types.ts'
import type { TaskPartitions } from '../../runtime/ports/membership.ts'
import { assignmentUserData, encodeAssignment, encodeSubscription, subscriptionUserData } from './consumer-protocol.ts'

/*
 * Reports and assignments as the user data of Kafka's own structures, in JSON.
 */

const NOTHING: MemberAssignment = {
  ...NOTHING_KNOWN,
  active: [],
  standby: [],
  fence: [],
  isProvisional: false,
  refused: null,
}

export function encodeReport(report: MemberReport, tasks: readonly TaskPartitions[]): Buffer {
  const topics = [...new Set(tasks.flatMap(({ partitions }) => partitions.map(({ topic }) => topic)))].sort()
  return encodeSubscription(topics, Buffer.from(JSON.stringify(report)))
}

/** The assignment of a member that the leader did not understand is empty. */
export function decodeAssignment(assignment: Buffer): MemberAssignment {
  const userData = assignmentUserData(assignment)
  return (userData === null ? null : parseAssignment(userData.toString())) ?? NOTHING
}

/** A member's share, as the group's coordinator keeps it. */
export interface AssignedShare {
  /** Ids of tasks it runs, and of tasks it holds copies of. */
  readonly active: readonly string[]
  readonly standby: readonly string[]
  /** Process id -> host:port of its HTTP server, of all members. */
  readonly endpoints: Readonly<Record<string, string | null>>
}

/** null for no assignment, and for one of another kind of program. */
export function assignedShare(assignment: Buffer): AssignedShare | null {
  try {
    const userData = assignmentUserData(assignment)
    return userData === null ? null : parseAssignment(userData.toString())
  } catch (error) {
    // Not our bytes: they end too soon.
    if (error instanceof RangeError) return null
    throw error
  }
}

/** The leader's work, from what the members sent to what they get. Members that speak another dialect get nothing. */
export function planAssignments(
  members: ReadonlyArray<{ readonly memberId: string; readonly metadata: Buffer }>,
  tasks: readonly TaskPartitions[],
  config: AssignmentConfig,
  before: GroupKnowledge,
): Array<{ memberId: string; assignment: Buffer }> {
  const understood = members.flatMap(({ memberId, metadata }): Member[] => {
    const userData = subscriptionUserData(metadata)
    const report = userData === null ? null : parseReport(userData.toString())
    return report === null ? [] : [{ memberId, report }]
  })
  const partitionsOf = new Map(tasks.map(({ taskId, partitions }) => [taskId, partitions]))
  return [...planGroup(understood, tasks, config, before)].map(([memberId, assignment]) => ({
    memberId,
    assignment: encodeAssignment(
      assignment.active.flatMap((taskId) => partitionsOf.get(taskId) ?? []),
      Buffer.from(JSON.stringify(assignment)),
    ),
  }))
}
