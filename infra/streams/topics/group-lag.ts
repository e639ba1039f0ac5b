import type { LogAdmin, TopicPartition } from '../../../runtime/ports/log.ts'
import { partitionKey } from '../../../state/ports/topic-partition.ts'
import type { Plan } from '../../../topology/plan.ts'
import type { KafkaAdmin } from '../../kafka/kafka-admin.ts'
import { consumedTopics, type PlanTopic } from './plan-topics.ts'
import { requireTopics } from './require-topics.ts'

export interface PartitionLag extends TopicPartition {
  /** null: nothing committed yet. */
  readonly committed: number | null
  /** High watermark. */
  readonly end: number
  /** Offsets between the two; without a commit, all that the partition holds. */
  readonly lag: number
}

export interface GroupLag {
  /** By topic and partition. */
  readonly rows: readonly PartitionLag[]
  readonly total: number
}

export interface LagTopics {
  /** Throws MissingTopicError when one is not there. */
  readonly required: readonly string[]
  /** Left out when not there (internal topics before the first start). */
  readonly optional: readonly string[]
}

/** How far an application is behind its inputs and repartition topics (planOnCluster). @throws MissingTopicError for inputs */
export async function applicationLag(admin: KafkaAdmin, plan: Plan): Promise<GroupLag> {
  const topics = consumedTopics(plan)
  const namesOf = (wanted: PlanTopic['role']): string[] =>
    topics.filter(({ role }) => role === wanted).map(({ name }) => name)
  return groupLag(admin, plan.applicationId, { required: namesOf('input'), optional: namesOf('repartition') })
}

/** How far the committed offsets of a group are behind the ends of its topics. */
export async function groupLag(admin: LogAdmin, groupId: string, topics: LagTopics): Promise<GroupLag> {
  const counts = new Map(await requireTopics(admin, topics.required))
  for (const { name, partitions } of (await admin.describeTopics(topics.optional)).values())
    counts.set(name, partitions)
  const all = [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition): TopicPartition => ({ topic, partition })),
    )
  // Offsets before ends: a lag is never negative.
  const offsets = await admin.committedOffsets(groupId, all)
  const [first, ends] = await Promise.all([admin.earliestOffsets(all), admin.highWatermarks(all)])
  const committed = new Map(offsets.map((offset) => [partitionKey(offset), offset.offset]))
  const rows = all.map(({ topic, partition }, index): PartitionLag => {
    const offset = committed.get(partitionKey({ topic, partition })) ?? null
    const end = ends[index] ?? 0
    return {
      topic,
      partition,
      committed: offset,
      end,
      lag: Math.max(0, end - Math.max(offset ?? 0, first[index] ?? 0)),
    }
  })
  return { rows, total: rows.reduce((sum, { lag }) => sum + lag, 0) }
}
