import type { DescribedNode, TopologyJson } from './topology-json.ts'

/** The text of Kafka Streams' TopologyDescription, to the character (kafka-streams-viz and the like parse it). */
export function renderText(topology: TopologyJson): string {
  const blocks = [
    ...topology.subtopologies.map(({ id, nodes }) => ({
      id,
      text: `Sub-topology: ${id}\n${nodes.map((node) => `    ${nodeText(node)}\n`).join('')}\n`,
    })),
    ...topology.globalStores.map(({ id, source, processor }) => ({
      id,
      text:
        `Sub-topology: ${id} for global store (will not generate tasks)\n` +
        `    ${nodeText(source)}\n    ${nodeText(processor)}\n`,
    })),
  ]
  blocks.sort((a, b) => a.id - b.id)
  return `Topologies:\n ${blocks.map((block) => `  ${block.text}`).join('')}`
}

function nodeText(node: DescribedNode): string {
  const to = `\n      --> ${names(node.successors)}`
  const from = `\n      <-- ${names(node.predecessors)}`
  switch (node.type) {
    case 'source':
      return `Source: ${node.name} (topics: ${node.pattern ?? list(node.topics ?? [])})${to}`
    case 'processor':
      return `Processor: ${node.name} (stores: ${list(node.stores ?? [])})${to}${from}`
    case 'sink':
      return node.topic === null
        ? `Sink: ${node.name} (extractor class: TopicExtractor)${from}`
        : `Sink: ${node.name} (topic: ${node.topic})${from}`
  }
}

function list(items: readonly string[]): string {
  return `[${items.join(', ')}]`
}

function names(items: readonly string[]): string {
  return items.length === 0 ? 'none' : items.join(', ')
}
