import type { DslGraph, GraphNode } from './graph.ts'
import { repartitionNode } from './repartition.ts'

/**
 * Lets all repartitions of one stream share a topic (merge.repartition.topics of Kafka Streams): those that changed keys make necessary
 * become one, right behind the operator that changed them. What stood in between and changes neither keys nor values, such as a
 * filter, then comes after the topic, with all that is below it: what does not need the topic, such as a sink, no longer gets the null
 * keys that the topic does not take. A repartition behind other values stays: only its own operator knows how to write these.
 *
 * @returns the names of the removed repartitions' sources, with the source each was merged into
 */
export function mergeRepartitions(graph: DslGraph): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>()
  for (const [head, removed] of byHead(graph.root)) {
    const paths = removed.map(({ first }) => first)
    const repartitions = removed.map(({ repartition }) => repartition)
    const merged = add(graph, head, repartitions)
    for (const first of new Set(paths)) {
      head.removeChild(first)
      merged.addChild(first)
    }
    for (const repartition of repartitions) {
      for (const parent of [...repartition.parents]) {
        for (const child of [...repartition.children]) parent.addChild(child)
        parent.removeChild(repartition)
      }
      for (const child of [...repartition.children]) repartition.removeChild(child)
      aliases.set(repartition.name, merged.name)
    }
    head.addChild(merged)
  }
  return aliases
}

interface Removed {
  readonly repartition: GraphNode
  /** The child of the head that leads to it. */
  readonly first: GraphNode
}

/** Repartitions in the order in which they were made, by the operator that changed the keys. */
function byHead(root: GraphNode): ReadonlyMap<GraphNode, readonly Removed[]> {
  const heads = new Map<GraphNode, Removed[]>()
  const nodes = [...below(root)].sort((a, b) => a.priority - b.priority)
  for (const repartition of nodes) {
    if (repartition.written || repartition.options.mergeable === undefined) continue
    let first = repartition
    let head = onlyParent(first)
    while (head?.options.passes === true) {
      first = head
      head = onlyParent(first)
    }
    if (head === null || !isHead(head)) continue
    heads.set(head, [...(heads.get(head) ?? []), { repartition, first }])
  }
  // The order in which Kafka Streams takes numbers for them: merges come last.
  const isMerge = (head: GraphNode): number => Number(head.options.merges === true)
  return new Map([...heads].sort(([a], [b]) => isMerge(a) - isMerge(b) || a.priority - b.priority))
}

function isHead(node: GraphNode): boolean {
  if (node.options.changesKey === true) return true
  return node.options.merges === true && [...node.parents].some((parent) => leadsToChange(parent))
}

/** A key was changed above, with nothing in between that changes values. */
function leadsToChange(node: GraphNode): boolean {
  if (node.options.changesKey === true) return true
  const isTransparent = node.options.passes === true || node.options.merges === true
  return isTransparent && [...node.parents].some((parent) => leadsToChange(parent))
}

function onlyParent(node: GraphNode): GraphNode | null {
  const [parent, ...others] = node.parents
  return parent === undefined || others.length > 0 ? null : parent
}

function below(node: GraphNode, seen = new Set<GraphNode>()): ReadonlySet<GraphNode> {
  for (const child of node.children) {
    if (seen.has(child)) continue
    seen.add(child)
    below(child, seen)
  }
  return seen
}

/** The one that is left has the topic of the first. */
function add(graph: DslGraph, head: GraphNode, repartitions: readonly GraphNode[]): GraphNode {
  const all = repartitions.flatMap(({ options }) => options.mergeable ?? [])
  const prefix = all[0]?.topic ?? ''
  const keySerde = all.find((one) => one.keySerde !== undefined)?.keySerde
  const valueSerde = all.find((one) => one.valueSerde !== undefined)?.valueSerde
  return graph.orphan(repartitionNode({ graph, prefix, keySerde, valueSerde }), head.priority)
}
