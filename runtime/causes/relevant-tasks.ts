import type { TopicPartition } from '../../state/ports/topic-partition.ts'
import type { Plan, Subtopology } from '../../topology/plan.ts'

/** A topic, and whether its writers or its readers are meant. */
export interface Asked extends TopicPartition {
  readonly is: 'written' | 'read'
}

/**
 * The part of a plan that must process its input again: the writers or readers of the topic, and all that sends them something.
 * @param withEffects and all that they send something to
 */
export function relevantPlan(plan: Plan, asked: Asked, withEffects: boolean): Plan {
  const { subtopologies } = plan
  const reads = ({ sourceTopics }: Subtopology): boolean => sourceTopics.includes(asked.topic)
  const first = asked.is === 'read' ? subtopologies.filter(reads) : writersOf(plan, asked.topic)
  const effects = withEffects ? closure(plan, first, (known, next) => feeds(known, next)) : first
  const all = closure(plan, effects, (known, next) => feeds(next, known))
  return { ...plan, subtopologies: subtopologies.filter((one) => all.has(one)) }
}

/** The one partition whose task is enough; null when others send it something, or take what it sends. */
export function onlyPartition({ subtopologies }: Plan, asked: Asked): number | null {
  const [only, ...others] = subtopologies
  const isAlone = others.length === 0 && only !== undefined && only.repartitionSourceTopics.length === 0
  return isAlone && asked.is === 'read' ? asked.partition : null
}

function writersOf({ subtopologies }: Plan, topic: string): readonly Subtopology[] {
  const writes = ({ nodes, stores }: Subtopology): boolean =>
    stores.some(({ changelogTopic }) => changelogTopic === topic) ||
    nodes.some((node) => node.type === 'sink' && node.topic === topic)
  const found = subtopologies.filter(writes)
  if (found.length > 0) return found
  return subtopologies.filter(({ nodes }) =>
    nodes.some((node) => node.type === 'sink' && typeof node.topic !== 'string'),
  )
}

const feeds = (from: Subtopology, to: Subtopology): boolean =>
  from.repartitionSinkTopics.some((topic) => to.sourceTopics.includes(topic))

function closure(
  { subtopologies }: Plan,
  from: Iterable<Subtopology>,
  leads: (known: Subtopology, next: Subtopology) => boolean,
): ReadonlySet<Subtopology> {
  const all = new Set(from)
  for (const known of all) for (const next of subtopologies) if (leads(known, next)) all.add(next)
  return all
}
