import { compareText } from '../../state/ports/compare-text.ts'
import type { GroupKnowledge, MemberReport } from './types.ts'

export interface Member {
  readonly memberId: string
  readonly report: MemberReport
}

export interface Admission {
  /** Sorted by process id. */
  readonly accepted: readonly Member[]
  readonly refused: ReadonlyArray<{ readonly member: Member; readonly reason: string }>
}

/**
 * Decides which members take part. All members must run one topology: the one of most members that run tasks now; if equal, of
 * most that the group knew before; then of most members at all; then of the smallest process id. So running tasks go on, also
 * when the leader has just come and knows nothing, and the newer side is refused. A process that was restarted with another
 * topology counts as newer, as it runs no task.
 * Among members with the same process id (a copied state directory) one is accepted: the one that runs more tasks; if equal,
 * the one with the smaller member id.
 */
export function admit(members: readonly Member[], before: GroupKnowledge): Admission {
  const sorted = [...members].sort(
    (a, b) =>
      compareText(a.report.processId, b.report.processId) ||
      b.report.active.length - a.report.active.length ||
      compareText(a.memberId, b.memberId),
  )
  const topology = topologyOf(sorted, before)
  const accepted = new Map<string, Member>()
  const refused: Array<{ member: Member; reason: string }> = []
  for (const member of sorted) {
    const { processId, topology: own } = member.report
    const twin = accepted.get(processId)
    if (own !== topology) {
      refused.push({
        member,
        reason: `process ${processId} runs another topology (${own}) than its group (${topology}): all members of a group must run the same; stop them all to change it`,
      })
    } else if (twin !== undefined) {
      refused.push({
        member,
        reason: `process id ${processId} is in the group already, as member ${twin.memberId}: was the state directory copied?`,
      })
    } else {
      accepted.set(processId, member)
    }
  }
  return { accepted: [...accepted.values()], refused }
}

function topologyOf(sorted: readonly Member[], before: GroupKnowledge): string | null {
  const sides = new Map<string, { topology: string; running: number; known: number; size: number }>()
  for (const { report } of sorted) {
    const side = sides.get(report.topology) ?? { topology: report.topology, running: 0, known: 0, size: 0 }
    sides.set(report.topology, side)
    if (report.active.length > 0) side.running++
    if (Object.hasOwn(before.transactionalIds, report.processId)) side.known++
    side.size++
  }
  // The sides come in the order of their smallest process ids, and sorting keeps it among equals.
  const [first] = [...sides.values()].sort((a, b) => b.running - a.running || b.known - a.known || b.size - a.size)
  return first?.topology ?? null
}
