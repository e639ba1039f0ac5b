import { sinkTopics } from '../../../runtime/instance/cluster-plan.ts'
import { createOwnTopics, type TopicNoticeListener } from '../../../runtime/instance/topic-settings.ts'
import type { NewTopic } from '../../../runtime/ports/log.ts'
import { DEAD_LETTER_TOPIC, deadLetterTopic } from '../../../topology/dead-letter-topic.ts'
import type { InternalTopic, Plan } from '../../../topology/plan.ts'
import type { KafkaAdmin } from '../../kafka/kafka-admin.ts'

export type TopicRole = 'input' | 'output' | 'dead-letter' | InternalTopic['kind']

/** A topic of an application, as its plan names it. */
export interface PlanTopic {
  readonly name: string
  readonly role: TopicRole
}

export interface CreatedTopic {
  readonly topic: string
  readonly partitions: number
  /** False: it was there before. */
  readonly created: boolean
}

export interface CreatePlanTopicsOptions {
  /** Partitions of topics that are created; null: as co-partitioned topics that exist, else the broker's default. */
  readonly partitions: number | null
  /** Gives created topics retention.ms=-1. */
  readonly keepForever: boolean
  readonly onNotice?: TopicNoticeListener
}

const ROLES: readonly TopicRole[] = [
  'input',
  'output',
  'dead-letter',
  'repartition',
  'changelog',
  'idle-tick',
  'answers',
]
/** The broker decides. */
const DEFAULT_PARTITIONS = -1

/** The plan with the topics of this cluster that subscriptions by pattern match. */
export async function planOnCluster(plan: Plan, admin: Pick<KafkaAdmin, 'listTopics'>): Promise<Plan> {
  return plan.withTopics?.(await admin.listTopics()) ?? plan
}

/** All topics of an application with a name of their own, inputs first. A topic that is read and written is an input. */
export function planTopics(plan: Plan): readonly PlanTopic[] {
  const roles = new Map<string, TopicRole>(plan.internalTopics.map(({ name, kind }) => [name, kind]))
  const add = (name: string, role: TopicRole): void => {
    if (!roles.has(name)) roles.set(name, role)
  }
  for (const { topic } of plan.globalStores) add(topic, 'input')
  for (const { sourceTopics } of plan.subtopologies) for (const topic of sourceTopics) add(topic, 'input')
  for (const topic of sinkTopics(plan)) add(topic, 'output')
  add(deadLetterTopic(plan.applicationId), 'dead-letter')
  return [...roles]
    .map(([name, role]) => ({ name, role }))
    .sort((a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role) || (a.name < b.name ? -1 : 1))
}

/** Topics whose records the group's committed offsets count: inputs and repartition topics, without those of global stores. */
export function consumedTopics(plan: Plan): readonly PlanTopic[] {
  const consumed = new Set(plan.subtopologies.flatMap(({ sourceTopics }) => sourceTopics))
  return planTopics(plan).filter(({ name }) => consumed.has(name))
}

/** Creates the missing inputs, outputs and the dead letter topic; internal topics are made at the start of the application. */
export async function createPlanTopics(
  planned: Plan,
  admin: KafkaAdmin,
  { partitions, keepForever, onNotice = () => undefined }: CreatePlanTopicsOptions,
): Promise<readonly CreatedTopic[]> {
  const plan = await planOnCluster(planned, admin)
  const own = planTopics(plan).filter(({ role }) => ['input', 'output', 'dead-letter'].includes(role))
  const names = own.map(({ name }) => name)
  const found = await admin.describeTopics(names)
  const countOf = (topic: string): number => {
    const neighbours = plan.subtopologies.flatMap(({ copartitionGroups }) =>
      copartitionGroups.filter((group) => group.includes(topic)).flat(),
    )
    const known = neighbours.flatMap((name) => found.get(name)?.partitions ?? [])
    return partitions ?? known[0] ?? DEFAULT_PARTITIONS
  }
  const config: NewTopic['config'] = keepForever ? { 'retention.ms': '-1' } : {}
  const missing = own
    .filter(({ name }) => !found.has(name))
    .map(({ name, role }): NewTopic => {
      return role === 'dead-letter' ? { name, ...DEAD_LETTER_TOPIC } : { name, partitions: countOf(name), config }
    })
  await createOwnTopics(missing, admin, onNotice)
  const after = await admin.describeTopics(names)
  return names.map((topic) => ({
    topic,
    partitions: after.get(topic)?.partitions ?? 0,
    created: !found.has(topic),
  }))
}
