import { MissingTopicError } from '../../../runtime/instance/cluster-plan.ts'
import type { LogAdmin } from '../../../runtime/ports/log.ts'

/** Partition counts of topics that must be there. @throws MissingTopicError that names all that are not */
export async function requireTopics(admin: LogAdmin, topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const found = await admin.describeTopics(topics)
  const missing = topics.filter((topic) => !found.has(topic))
  if (missing.length > 0) throw new MissingTopicError(missing)
  return new Map(topics.map((topic) => [topic, found.get(topic)?.partitions ?? 0]))
}
