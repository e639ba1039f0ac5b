import { compareTaskIds, taskId } from '../../../runtime/task/task-id.ts'
import type { Plan } from '../../../topology/plan.ts'
import type { GroupDescription } from '../../kafka/kafka-admin.ts'
import type { PartitionLag } from './group-lag.ts'

/** An input partition of a task, and who has the task. */
export interface TaskPartition extends PartitionLag {
  readonly taskId: string
  /** null: nobody has the task. */
  readonly memberId: string | null
  readonly host: string | null
  /** Address of the owner's HTTP server; null: it has none. */
  readonly applicationServer: string | null
  /** Hosts of members that hold a copy of the task's stores. */
  readonly standbys: readonly string[]
}

/** Lays the partitions of a group over its members, task by task. */
export function groupTasks(
  { subtopologies }: Plan,
  { members }: GroupDescription,
  rows: readonly PartitionLag[],
): readonly TaskPartition[] {
  const ofTopic = new Map(subtopologies.flatMap(({ id, sourceTopics }) => sourceTopics.map((topic) => [topic, id])))
  return rows
    .flatMap((row): TaskPartition[] => {
      const subtopology = ofTopic.get(row.topic)
      if (subtopology === undefined) return []
      const id = taskId(subtopology, row.partition)
      const owner = members.find(({ assignment }) => assignment?.active.includes(id))
      const standbys = members.filter(({ assignment }) => assignment?.standby.includes(id)).map(hostOf)
      return [
        {
          taskId: id,
          ...row,
          memberId: owner?.memberId ?? null,
          host: owner === undefined ? null : hostOf(owner),
          applicationServer: owner?.assignment?.endpoints[owner.groupInstanceId ?? ''] ?? null,
          standbys,
        },
      ]
    })
    .sort((a, b) => compareTaskIds(a.taskId, b.taskId) || (a.topic < b.topic ? -1 : 1))
}

/** Brokers put a slash before an address. */
export function hostOf({ clientHost }: Pick<GroupDescription['members'][number], 'clientHost'>): string {
  return clientHost.replace(/^\//, '')
}
