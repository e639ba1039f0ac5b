import { answersTopicOf } from '../answers-topic.ts'
import { idleTickTopic, type NodeGroup, nodeGroups } from '../node-groups.ts'
import type { NodePart, TopologyParts } from '../topology-parts.ts'
import { javaHashOrder, javaHashSetCopyOrder, TreeSet } from './java-order.ts'
import { renderMermaid } from './mermaid.ts'
import { renderText } from './text.ts'
import type {
  DescribedGlobalStore,
  DescribedNode,
  DescribedStore,
  DescribedSubtopology,
  TopologyJson,
} from './topology-json.ts'

/** A described topology in three forms. */
export class TopologyDescription {
  readonly #json: TopologyJson

  constructor(json: TopologyJson) {
    this.#json = json
  }

  toJSON(): TopologyJson {
    return this.#json
  }

  /** Exactly the text of Kafka Streams' `TopologyDescription.toString()`. */
  toString(): string {
    return renderText(this.#json)
  }

  /** A Mermaid flowchart. */
  toMermaid(): string {
    return renderMermaid(this.#json)
  }
}

interface Linked {
  readonly part: NodePart
  /** Nodes of the tree below, this one included; counted along every path, as in Kafka Streams. */
  size: number
  readonly predecessors: TreeSet<Linked>
  readonly successors: TreeSet<Linked>
}

/** Bigger trees first, then by name: the order in which nodes are printed. */
function byTreeSize(a: Linked, b: Linked): number {
  if (a === b) return 0
  if (a.size !== b.size) return b.size - a.size
  return a.part.name < b.part.name ? -1 : 1
}

export function describeTopology(parts: TopologyParts): TopologyDescription {
  const subtopologies: DescribedSubtopology[] = []
  const globalStores: DescribedGlobalStore[] = []
  for (const group of nodeGroups(parts)) {
    if (group.global) globalStores.push(...describeGlobalStores(parts, group))
    else subtopologies.push(describeSubtopology(parts, group))
  }
  return new TopologyDescription({ subtopologies, globalStores, repartitionTopics: [...parts.internalTopics.keys()] })
}

function describeSubtopology(parts: TopologyParts, group: NodeGroup): DescribedSubtopology {
  const linked = new Map<string, Linked>()
  for (const name of javaHashOrder(group.nodes)) {
    const part = parts.nodes.get(name)
    if (part === undefined) continue
    linked.set(name, { part, size: 1, predecessors: new TreeSet(byTreeSize), successors: new TreeSet(byTreeSize) })
  }
  for (const name of javaHashOrder(linked.keys())) {
    const node = linked.get(name)
    if (node === undefined || node.part.type === 'source') continue
    for (const parentName of node.part.parents) {
      const parent = linked.get(parentName)
      if (parent === undefined) continue
      node.predecessors.add(parent)
      parent.successors.add(node)
      grow(parent, node.size)
    }
  }
  const nodes = [...linked.values()].sort(byTreeSize).map(describeNode)
  const topic = idleTickTopic(parts, group)
  const idle = topic === null || parts.idleAfterMs === null ? {} : { idleTicks: { topic, afterMs: parts.idleAfterMs } }
  return { id: group.id, nodes, stores: describeStores(parts, group), ...idle }
}

function grow(node: Linked, by: number): void {
  node.size += by
  for (const parent of node.predecessors) grow(parent, by)
}

function describeNode(node: Linked): DescribedNode {
  const { part } = node
  const names = (set: TreeSet<Linked>): string[] => [...set].map((item) => item.part.name)
  const edges = { predecessors: names(node.predecessors), successors: names(node.successors) }
  switch (part.type) {
    case 'source': {
      return part.topics instanceof RegExp
        ? { type: 'source', name: part.name, pattern: part.topics.source, ...edges }
        : { type: 'source', name: part.name, topics: javaHashSetCopyOrder(part.topics), ...edges }
    }
    case 'processor': {
      const stores = javaHashSetCopyOrder(javaHashOrder(part.stores))
      const answers = part.calls?.answers ? { answers: answersTopicOf(part.name) } : {}
      return { type: 'processor', name: part.name, stores, ...answers, ...edges }
    }
    case 'sink': {
      const topic = typeof part.topic === 'string' ? part.topic : null
      return { type: 'sink', name: part.name, topic, ...edges }
    }
  }
}

function describeStores(parts: TopologyParts, group: NodeGroup): DescribedStore[] {
  const members = new Set(group.nodes)
  const stores: DescribedStore[] = []
  for (const [name, { spec, users, sourceTopic }] of parts.stores)
    if ([...users].some((user) => members.has(user)))
      stores.push({ name, kind: spec.kind, changelog: spec.logging ? (sourceTopic ?? `${name}-changelog`) : null })
  return stores
}

function describeGlobalStores(parts: TopologyParts, group: NodeGroup): DescribedGlobalStore[] {
  const described: DescribedGlobalStore[] = []
  for (const { spec, topic, sourceName, processorName } of parts.globalStores.values()) {
    if (!group.nodes.includes(sourceName)) continue
    described.push({
      id: group.id,
      store: spec.name,
      source: { type: 'source', name: sourceName, topics: [topic], predecessors: [], successors: [processorName] },
      processor: {
        type: 'processor',
        name: processorName,
        stores: [spec.name],
        predecessors: [sourceName],
        successors: [],
      },
    })
  }
  return described
}
