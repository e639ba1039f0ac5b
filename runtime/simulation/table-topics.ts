import type { Plan, PlanNode } from '../../topology/plan.ts'

/**
 * Topics whose records come out of a caching store, directly or not. How many of the changes between two commits come out depends on
 * when commits happen, so only the last record of each key is sure.
 */
export function tableTopics({ subtopologies }: Plan): ReadonlySet<string> {
  const topics = new Set<string>()
  for (let before = -1; before < topics.size; ) {
    before = topics.size
    for (const { nodes, stores } of subtopologies) {
      const caching = new Set(stores.filter(({ spec }) => spec.caching).map(({ spec }) => spec.name))
      const behind = new Set<string>()
      const isBehind = (node: PlanNode): boolean => {
        if (node.type === 'source') return node.topics.some((topic) => topics.has(topic))
        if (node.parents.some((parent) => behind.has(parent))) return true
        return node.type === 'processor' && node.stores.some((store) => caching.has(store))
      }
      for (const node of nodes) {
        if (!isBehind(node)) continue
        behind.add(node.name)
        if (node.type === 'sink' && typeof node.topic === 'string') topics.add(node.topic)
      }
    }
  }
  return topics
}
