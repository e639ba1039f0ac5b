import type { DescribedNode, TopologyJson } from './topology-json.ts'

/** A Mermaid flowchart: topics as cylinders lying down, stores as cylinders, one box per subtopology. */
export function renderMermaid(topology: TopologyJson): string {
  const ids = new Map<string, string>()
  const idOf = (kind: string, name: string): string => {
    const key = `${kind}:${name}`
    const known = ids.get(key)
    if (known !== undefined) return known
    const id = `${kind}${ids.size}`
    ids.set(key, id)
    return id
  }
  const outside: string[] = []
  const drawn = new Set<string>()
  const topicNode = (name: string): string => {
    const id = idOf('t', name)
    if (!drawn.has(id)) {
      drawn.add(id)
      outside.push(`  ${id}[/"${name}"/]`)
    }
    return id
  }
  const lines: string[] = []
  const draw = (node: DescribedNode): void => {
    const id = idOf('n', node.name)
    lines.push(`    ${id}["${node.name}"]`)
    for (const topic of node.topics ?? (node.pattern === undefined ? [] : [node.pattern]))
      outside.push(`  ${topicNode(topic)} --> ${id}`)
    if (node.type === 'sink') outside.push(`  ${id} --> ${topicNode(node.topic ?? '(chosen per record)')}`)
    for (const store of node.stores ?? []) {
      const storeId = idOf('s', store)
      if (!drawn.has(storeId)) {
        drawn.add(storeId)
        lines.push(`    ${storeId}[("${store}")]`)
      }
      lines.push(`    ${id} -.- ${storeId}`)
    }
    for (const child of node.successors) lines.push(`    ${id} --> ${idOf('n', child)}`)
  }
  for (const { id, nodes, idleTicks } of topology.subtopologies) {
    lines.push(`  subgraph sub${id}["Sub-topology ${id}"]`)
    nodes.forEach(draw)
    lines.push('  end')
    if (idleTicks !== undefined) outside.push(`  ${topicNode(idleTicks.topic)} -.- sub${id}`)
  }
  for (const { id, store, source, processor } of topology.globalStores) {
    lines.push(`  subgraph sub${id}["Global store ${store}"]`)
    draw(source)
    draw(processor)
    lines.push('  end')
  }
  return `flowchart TD\n${[...lines, ...outside].join('\n')}\n`
}
