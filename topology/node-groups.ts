import type { TopologyParts } from './topology-parts.ts'

export interface NodeGroup {
  readonly id: number
  /** In topological order. */
  readonly nodes: readonly string[]
  /** The group holds the source and processor of one global store: it gets a number but makes no tasks. */
  readonly global: boolean
}

/**
 * Splits the graph into subtopologies: nodes are together when an edge or a shared store connects them. They are numbered by
 * the order of their first node, as in Kafka Streams; the groups of global stores use up numbers too.
 */
export function nodeGroups(parts: TopologyParts): NodeGroup[] {
  const roots = new Map<string, string>()
  const root = (name: string): string => {
    let current = name
    for (;;) {
      const parent = roots.get(current) ?? current
      if (parent === current) return current
      current = parent
    }
  }
  const unite = (a: string, b: string): void => {
    roots.set(root(a), root(b))
  }
  for (const node of parts.nodes.values())
    if (node.type !== 'source') for (const parent of node.parents) unite(node.name, parent)
  for (const { users } of parts.stores.values()) {
    const [first] = users
    if (first !== undefined) for (const user of users) unite(user, first)
  }
  const globalSources = new Set([...parts.globalStores.values()].map((store) => store.sourceName))
  const groups = new Map<string, { id: number; nodes: string[]; global: boolean }>()
  for (const name of parts.nodes.keys()) {
    const key = root(name)
    let group = groups.get(key)
    if (group === undefined) {
      group = { id: groups.size, nodes: [], global: false }
      groups.set(key, group)
    }
    group.nodes.push(name)
    if (globalSources.has(name)) group.global = true
  }
  return [...groups.values()]
}

/** Name (without the application id) of the topic of a group's idle ticks; null when it has none. */
export function idleTickTopic(parts: TopologyParts, group: NodeGroup): string | null {
  if (parts.idleAfterMs === null) return null
  for (const name of group.nodes) {
    const node = parts.nodes.get(name)
    if (node?.type === 'processor' && node.holdsBack !== undefined) return `${node.holdsBack}-idle-ticks`
  }
  return null
}
