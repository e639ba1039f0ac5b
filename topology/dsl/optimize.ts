import type { Optimization } from '../optimization.ts'
import type { DslGraph, GraphNode } from './graph.ts'
import { mergeRepartitions } from './merge-repartitions.ts'

/** Makes a graph cheaper. Returns the names of sources that are gone, with the sources they were merged into. */
export function optimize(graph: DslGraph, optimizations: ReadonlySet<Optimization>): ReadonlyMap<string, string> {
  const aliases = optimizations.has('merge.repartition.topics') ? mergeRepartitions(graph) : new Map<string, string>()
  if (optimizations.has('single.store.self.join')) settleSelfJoins(graph.root)
  return aliases
}

/** Joins whose sides read the same node need one store only. */
function settleSelfJoins(node: GraphNode, seen = new Set<GraphNode>()): void {
  if (seen.has(node)) return
  seen.add(node)
  if (!node.written && node.parents.size === 1) node.options.joinsItself?.()
  for (const child of [...node.children]) settleSelfJoins(child, seen)
}
