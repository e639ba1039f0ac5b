import { StreamsTopologyError } from '../state/ports/errors.ts'
import type { NameGenerator } from './names.ts'
import type { TopologyParts } from './topology-parts.ts'

/** @throws StreamsTopologyError that lists every store, changelog and repartition topic with a generated name. */
export function checkExplicitNames(parts: TopologyParts, names: NameGenerator): void {
  const generated = (name: string): boolean => names.isGenerated(name)
  const stores = [...parts.stores.values()].map((store) => store.spec).filter((spec) => generated(spec.name))
  const changelogs = stores.filter((spec) => spec.logging).map((spec) => `${spec.name}-changelog`)
  const topics = [...parts.internalTopics.keys()].filter((topic) =>
    generated(topic.replace(/-(repartition|topic)$/, '')),
  )
  const problems = [
    list('changelog topics', changelogs),
    list(
      'state stores',
      stores.map((spec) => spec.name),
    ),
    list('repartition topics', topics),
  ].filter((line) => line !== '')
  if (problems.length > 0)
    throw new StreamsTopologyError(
      `the topology demands explicit names, but these are generated: ${problems.join('; ')}`,
    )
}

function list(what: string, names: readonly string[]): string {
  return names.length === 0 ? '' : `${what} ${names.join(', ')}`
}
