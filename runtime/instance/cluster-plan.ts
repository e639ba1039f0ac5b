import { counted } from '../../state/ports/counted.ts'
import { StreamsError, StreamsTopologyError } from '../../state/ports/errors.ts'
import { callersOf } from '../../topology/calls-of-plan.ts'
import type { InternalTopic, Plan, Subtopology } from '../../topology/plan.ts'
import type { LogAdmin, NewTopic, TopicDescription } from '../ports/log.ts'
import type { TaskPartitions } from '../ports/membership.ts'
import { taskCountOf, taskId } from '../task/task-id.ts'
import { createOwnTopics, mendOwnTopics, noticeLimitedOutputs, type TopicNoticeListener } from './topic-settings.ts'

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

type TopicAdmin = Pick<LogAdmin, 'describeTopics' | 'createTopics' | 'topicSettings' | 'changeTopicSettings'>

/** The plan laid over a cluster: how many partitions everything has, and so which tasks there are. */
export interface ClusterPlan {
  readonly tasks: readonly TaskPartitions[]
  /** Every topic of the plan that has a fixed name. */
  readonly partitions: ReadonlyMap<string, number>
  /** The external topics it reads. */
  readonly inputs: ReadonlyMap<string, TopicDescription>
}

/**
 * Reads partition counts, checks co-partitioning, creates internal topics that are missing and mends the settings of those that are
 * there.
 * @throws MissingTopicError for external source or sink topics that do not exist
 * @throws StreamsTopologyError for co-partitioned topics with different counts, or an internal topic of the wrong size
 */
export async function layOverCluster(
  plan: Plan,
  admin: TopicAdmin,
  extraTopics: readonly string[] = [],
  onNotice: TopicNoticeListener = () => undefined,
): Promise<ClusterPlan> {
  const internal = new Set(plan.internalTopics.map(({ name }) => name))
  const external = [...new Set([...externalTopics(plan), ...extraTopics])].filter((name) => !internal.has(name)).sort()
  const partitions = new Map<string, number>()
  const described = await admin.describeTopics(external)
  for (const [name, { partitions: count }] of described) partitions.set(name, count)
  const missing = external.filter((name) => !partitions.has(name))
  if (missing.length > 0) throw new MissingTopicError(missing)
  const wanted = sizeInternalTopics(plan, partitions)
  // Before anything is created: a topic made for wrong counts would have to be deleted by hand.
  for (const subtopology of plan.subtopologies) checkCopartitioning(subtopology, partitions)
  await makeInternalTopics(plan, wanted, admin, onNotice)
  await noticeLimitedOutputs(
    sinkTopics(plan).filter((name) => !internal.has(name)),
    admin,
    onNotice,
  )
  const read = new Set([...plan.subtopologies.flatMap(({ sourceTopics }) => sourceTopics), ...globalTopics(plan)])
  const inputs = new Map([...described].filter(([name]) => read.has(name)))
  return { partitions, tasks: plan.subtopologies.flatMap((subtopology) => tasksOf(subtopology, partitions)), inputs }
}

/** Names of the topics that it reads and writes, internal ones included; topics that a sink chooses by record aside. */
export function externalTopics(plan: Plan): string[] {
  const sources = plan.subtopologies.flatMap(({ nodes }) =>
    nodes.flatMap((node) => (node.type === 'source' ? node.topics : [])),
  )
  return [...globalTopics(plan), ...sources, ...sinkTopics(plan)]
}

/** Names of sink topics with a fixed name. */
export function sinkTopics({ subtopologies }: Plan): string[] {
  const names = subtopologies.flatMap(({ nodes }) =>
    nodes.flatMap((node) => (node.type === 'sink' && typeof node.topic === 'string' ? [node.topic] : [])),
  )
  return [...new Set(names)]
}

function globalTopics(plan: Plan): string[] {
  return plan.globalStores.map(({ topic }) => topic)
}

function tasksOf(subtopology: Subtopology, partitions: ReadonlyMap<string, number>): TaskPartitions[] {
  const topics = [...subtopology.sourceTopics].sort()
  return Array.from({ length: taskCountOf(subtopology.sourceTopics, partitions) }, (_, partition) => ({
    taskId: taskId(subtopology.id, partition),
    isStateful: subtopology.stores.some(({ changelogTopic }) => changelogTopic !== null),
    partitions: topics
      .filter((topic) => partition < (partitions.get(topic) ?? 0))
      .map((topic) => ({ topic, partition })),
  }))
}

/**
 * Internal topics without a count of their own get the one of what feeds or surrounds them; a repartition topic may be fed by
 * a subtopology that itself reads one, so this goes round until nothing is left.
 */
function sizeInternalTopics(plan: Plan, partitions: Map<string, number>): readonly NewTopic[] {
  const wanted: NewTopic[] = []
  const size = ({ name, config }: InternalTopic, count: number): void => {
    partitions.set(name, count)
    wanted.push({ name, partitions: count, config })
  }
  let left: InternalTopic[] = []
  for (const topic of plan.internalTopics) {
    if (topic.partitions === 'source') left.push(topic)
    else size(topic, topic.partitions)
  }
  while (left.length > 0) {
    const waiting = left.filter((topic) => {
      const count =
        topic.kind === 'repartition'
          ? repartitionCount(plan, topic.name, partitions)
          : taskCount(plan, topic.name, partitions)
      if (count !== null) size(topic, count)
      return count === null
    })
    if (waiting.length === left.length) {
      throw new StreamsTopologyError(`cannot tell the partition count of ${waiting.map(({ name }) => name).join(', ')}`)
    }
    left = waiting
  }
  return wanted
}

async function makeInternalTopics(
  plan: Plan,
  wanted: readonly NewTopic[],
  admin: TopicAdmin,
  onNotice: TopicNoticeListener,
): Promise<void> {
  const existing = await admin.describeTopics(wanted.map(({ name }) => name))
  for (const { name, partitions: count } of wanted) {
    const found = existing.get(name)
    if (found !== undefined && found.partitions !== count) {
      throw new StreamsTopologyError(
        `internal topic ${name} has ${counted(found.partitions, 'partition')} and needs ${count}: ${adviceOn(plan, count - found.partitions)}`,
      )
    }
  }
  await mendOwnTopics(
    wanted.filter(({ name }) => existing.has(name)),
    admin,
    onNotice,
  )
  await createOwnTopics(
    wanted.filter(({ name }) => !existing.has(name)),
    admin,
    onNotice,
  )
}

/** A topology cannot grow by itself: its keys would move to other partitions, away from their rows. */
function adviceOn({ subtopologies }: Plan, missing: number): string {
  const patterns = subtopologies.flatMap(({ nodes }) =>
    nodes.flatMap((node) => (node.type === 'source' && node.topicPattern !== undefined ? [node.topicPattern] : [])),
  )
  if (missing < 0 || patterns.length === 0) return "reset the application or restore the source topics' counts"
  return `a topic that matches ${patterns.join(' or ')} has more partitions than those before; create it anew with fewer partitions, or reset the application (ride-streams reset)`
}

/** Partitions of a changelog, of idle ticks or of answers: as many as its subtopology has tasks; null = not known yet. */
function taskCount(plan: Plan, topic: string, partitions: ReadonlyMap<string, number>): number | null {
  const owners = plan.subtopologies.filter(
    (subtopology) =>
      subtopology.idleTicks?.topic === topic ||
      subtopology.stores.some((store) => store.changelogTopic === topic) ||
      callersOf({ subtopologies: [subtopology] }).some(({ calls }) => calls.answers?.topic === topic),
  )
  if (owners.some(({ sourceTopics }) => sourceTopics.some((name) => !partitions.has(name)))) return null
  return Math.max(0, ...owners.map(({ sourceTopics }) => taskCountOf(sourceTopics, partitions))) || null
}

/**
 * Takes the partition count of co-partitioned neighbours that have one. Else it takes the greatest count of all subtopologies
 * that write to the topic or to a neighbour (Kafka Streams does the same). null = not known yet.
 */
function repartitionCount(plan: Plan, topic: string, partitions: ReadonlyMap<string, number>): number | null {
  const group = new Set([topic])
  for (const { copartitionGroups } of plan.subtopologies) {
    for (const names of copartitionGroups) if (names.includes(topic)) for (const name of names) group.add(name)
  }
  const known = [...group].flatMap((name) => partitions.get(name) ?? [])
  if (known.length > 0) return Math.max(...known)
  const writers = plan.subtopologies.filter((writer) => writer.repartitionSinkTopics.some((name) => group.has(name)))
  if (writers.some(({ sourceTopics }) => sourceTopics.some((name) => !partitions.has(name)))) return null
  return Math.max(0, ...writers.map(({ sourceTopics }) => taskCountOf(sourceTopics, partitions))) || null
}

function checkCopartitioning(subtopology: Subtopology, partitions: ReadonlyMap<string, number>): void {
  for (const group of subtopology.copartitionGroups) {
    const [first, ...others] = [...group].sort()
    if (first === undefined) continue
    const expected = partitions.get(first)
    for (const other of others) {
      if (partitions.get(other) !== expected) {
        throw new StreamsTopologyError(
          `topics ${first} (${counted(expected ?? 0, 'partition')}) and ${other} (${counted(partitions.get(other) ?? 0, 'partition')}) must have the same number of partitions`,
        )
      }
    }
  }
}
