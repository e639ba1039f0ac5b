import type { DescribedStore, TopologyJson } from './topology-json.ts'

/** The cost of an upgrade from one topology to another. Names are without the application id. */
export interface TopologyDiff {
  /** Internal topics that nothing reads any longer: they keep their data and disk space until they are deleted. */
  readonly orphanedTopics: readonly string[]
  /** Stores that no longer exist; their rows are lost with their changelog. */
  readonly orphanedStores: readonly string[]
  /** Stores that cannot continue from their local data. */
  readonly rebuiltStores: readonly RebuiltStore[]
  /** Repartition topics that start empty: records in flight in the old ones are not processed. */
  readonly newTopics: readonly string[]
  /** Subtopologies whose number, and so the names of their tasks, changed. */
  readonly renumbered: ReadonlyArray<{ readonly from: number; readonly to: number }>
}

export interface RebuiltStore {
  readonly name: string
  /**
   * new: starts empty. kind: the rows are of another form, so it starts empty, and its changelog must be deleted first.
   * changelog: it gains or loses its changelog. moved: tasks have other names, so it is restored from the changelog.
   */
  readonly why: 'new' | 'kind' | 'changelog' | 'moved'
}

interface PlacedStore extends DescribedStore {
  readonly subtopology: number
}

/** Compares two topologies (`topology --format json`); all lists are sorted. Empty lists: the upgrade is free. */
export function topologyDiff(before: TopologyJson, after: TopologyJson): TopologyDiff {
  const oldStores = storesOf(before)
  const newStores = storesOf(after)
  const oldTopics = internalTopics(before, oldStores)
  const newTopics = internalTopics(after, newStores)
  const moves = renumbered(before, after)
  const rebuilt: RebuiltStore[] = []
  for (const [name, store] of newStores) {
    const old = oldStores.get(name)
    if (old === undefined) rebuilt.push({ name, why: 'new' })
    else if (old.kind !== store.kind) rebuilt.push({ name, why: 'kind' })
    else if (old.changelog !== store.changelog) rebuilt.push({ name, why: 'changelog' })
    else if (old.subtopology !== store.subtopology) rebuilt.push({ name, why: 'moved' })
  }
  return {
    orphanedTopics: missing(oldTopics, newTopics),
    orphanedStores: missing(oldStores.keys(), new Set(newStores.keys())),
    rebuiltStores: rebuilt.sort((a, b) => (a.name < b.name ? -1 : 1)),
    newTopics: missing(after.repartitionTopics, new Set(before.repartitionTopics)),
    renumbered: moves,
  }
}

function storesOf(topology: TopologyJson): Map<string, PlacedStore> {
  const stores = new Map<string, PlacedStore>()
  for (const { id, stores: list } of topology.subtopologies)
    for (const store of list) stores.set(store.name, { ...store, subtopology: id })
  return stores
}

function internalTopics(topology: TopologyJson, stores: ReadonlyMap<string, DescribedStore>): Set<string> {
  const topics = new Set(topology.repartitionTopics)
  for (const { changelog } of stores.values()) if (changelog !== null) topics.add(changelog)
  for (const { nodes, idleTicks } of topology.subtopologies) {
    if (idleTicks !== undefined) topics.add(idleTicks.topic)
    for (const { answers } of nodes) if (answers !== undefined) topics.add(answers)
  }
  return topics
}

/** Subtopologies are the same when they read the same topics. */
function renumbered(before: TopologyJson, after: TopologyJson): Array<{ from: number; to: number }> {
  const signature = (nodes: TopologyJson['subtopologies'][number]['nodes']): string =>
    nodes
      .flatMap((node) => [...(node.topics ?? []), ...(node.pattern === undefined ? [] : [node.pattern])])
      .sort()
      .join('\n')
  const old = new Map(before.subtopologies.map(({ id, nodes }) => [signature(nodes), id]))
  const moves: Array<{ from: number; to: number }> = []
  for (const { id, nodes } of after.subtopologies) {
    const from = old.get(signature(nodes))
    if (from !== undefined && from !== id) moves.push({ from, to: id })
  }
  return moves
}

function missing(names: Iterable<string>, there: ReadonlySet<string>): string[] {
  return [...names].filter((name) => !there.has(name)).sort()
}
