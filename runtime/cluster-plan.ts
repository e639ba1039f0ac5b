import { StreamsError, StreamsTopologyError } from '../state/ports/errors.ts'
import type { Plan, Subtopology } from '../topology/plan.ts'
import type { LogAdmin, NewTopic } from './ports/log.ts'
import type { TaskPartitions } from './ports/membership.ts'
import { taskId } from './task-id.ts'

/** Create the topic (another team owns it, or run `topics create`). */
export class MissingTopicError extends StreamsError {
  readonly topics: readonly string[]
  constructor(topics: readonly string[]) {
    super(
      'MISSING_TOPIC',
      topics.length === 1 ? `topic ${topics[0]} does not exist` : `topics ${topics.join(', ')} do not exist`,
    )
    this.topics = topics
  }
}

/** The plan laid over a cluster: how many partitions everything has, and so which tasks there are. */
export interface ClusterPlan {
  readonly tasks: readonly TaskPartitions[]
  /** Every topic of the plan that has a fixed name. */
  readonly partitions: ReadonlyMap<string, number>
}

/**
 * Reads partition counts, checks co-partitioning, creates internal topics that are missing.
 * @throws MissingTopicError for external source or sink topics that do not exist
 * @throws StreamsTopologyError for co-partitioned topics with different counts, or an internal topic of the wrong size
 */
export async function layOverCluster(
  plan: Plan,
  admin: LogAdmin,
  extraTopics: readonly string[] = [],
): Promise<ClusterPlan> {
  const internal = new Set(plan.internalTopics.map(({ name }) => name))
  const external = [...new Set([...externalTopics(plan), ...extraTopics])].filter((name) => !internal.has(name)).sort()
  const partitions = new Map<string, number>()
  for (const [name, { partitions: count }] of await admin.describeTopics(external)) partitions.set(name, count)
  const missing = external.filter((name) => !partitions.has(name))
  if (missing.length > 0) throw new MissingTopicError(missing)
  await createInternalTopics(plan, admin, partitions)
  for (const subtopology of plan.subtopologies) checkCopartitioning(subtopology, partitions)
  return { partitions, tasks: plan.subtopologies.flatMap((subtopology) => tasksOf(subtopology, partitions)) }
}

function externalTopics(plan: Plan): string[] {
  const topics: string[] = plan.globalStores.map(({ topic }) => topic)
  for (const { nodes } of plan.subtopologies) {
    for (const node of nodes) {
      if (node.type === 'source') topics.push(...node.topics)
      else if (node.type === 'sink' && typeof node.topic === 'string') topics.push(node.topic)
    }
  }
  return topics
}

function tasksOf(subtopology: Subtopology, partitions: ReadonlyMap<string, number>): TaskPartitions[] {
  const topics = [...subtopology.sourceTopics].sort()
  return Array.from({ length: sourcePartitions(subtopology, partitions) }, (_, partition) => ({
    taskId: taskId(subtopology.id, partition),
    partitions: topics
      .filter((topic) => partition < (partitions.get(topic) ?? 0))
      .map((topic) => ({ topic, partition })),
  }))
}

function sourcePartitions(subtopology: Subtopology, partitions: ReadonlyMap<string, number>): number {
  return Math.max(0, ...subtopology.sourceTopics.map((topic) => partitions.get(topic) ?? 0))
}

/**
 * Internal topics without a count of their own get the one of what feeds or surrounds them; a repartition topic may be fed by
 * a subtopology that itself reads one, so this goes round until nothing is left.
 */
async function createInternalTopics(plan: Plan, admin: LogAdmin, partitions: Map<string, number>): Promise<void> {
  let left = [...plan.internalTopics]
  const wanted: NewTopic[] = []
  while (left.length > 0) {
    const waiting = left.filter((topic) => {
      const count = topic.partitions === 'source' ? sourceCount(plan, topic.name, partitions) : topic.partitions
      if (count === 0) return true
      partitions.set(topic.name, count)
      wanted.push({ name: topic.name, partitions: count, config: topic.config })
      return false
    })
    if (waiting.length === left.length) {
      throw new StreamsTopologyError(`cannot tell the partition count of ${waiting.map(({ name }) => name).join(', ')}`)
    }
    left = waiting
  }
  const existing = await admin.describeTopics(wanted.map(({ name }) => name))
  for (const { name, partitions: count } of wanted) {
    const found = existing.get(name)
    if (found !== undefined && found.partitions !== count) {
      throw new StreamsTopologyError(
        `internal topic ${name} has ${found.partitions} partitions and needs ${count}: reset the application or restore the source topics' counts`,
      )
    }
  }
  const missing = wanted.filter(({ name }) => !existing.has(name))
  if (missing.length > 0) await admin.createTopics(missing)
}

function sourceCount(plan: Plan, topic: string, partitions: ReadonlyMap<string, number>): number {
  let count = 0
  for (const subtopology of plan.subtopologies) {
    if (subtopology.stores.some(({ changelogTopic }) => changelogTopic === topic)) {
      const waits = subtopology.repartitionSourceTopics.some((name) => !partitions.has(name))
      if (!waits) count = Math.max(count, sourcePartitions(subtopology, partitions))
    }
    // A repartition topic follows its co-partitioned neighbours, else its writers.
    if (subtopology.repartitionSourceTopics.includes(topic)) {
      const group = subtopology.copartitionGroups.find((names) => names.includes(topic)) ?? []
      for (const name of group) count = Math.max(count, partitions.get(name) ?? 0)
    }
  }
  if (count > 0) return count
  for (const subtopology of plan.subtopologies) {
    if (!subtopology.repartitionSinkTopics.includes(topic)) continue
    if (subtopology.repartitionSourceTopics.some((name) => !partitions.has(name))) continue
    count = Math.max(count, sourcePartitions(subtopology, partitions))
  }
  return count
}

function checkCopartitioning(subtopology: Subtopology, partitions: ReadonlyMap<string, number>): void {
  for (const group of subtopology.copartitionGroups) {
    const [first, ...others] = [...group].sort()
    if (first === undefined) continue
    const expected = partitions.get(first)
    for (const other of others) {
      if (partitions.get(other) !== expected) {
        throw new StreamsTopologyError(
          `topics ${first} (${expected} partitions) and ${other} (${partitions.get(other)} partitions) must have the same number of partitions`,
        )
      }
    }
  }
}
