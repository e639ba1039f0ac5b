import { createHash } from 'node:crypto'
import type { Plan, PlanNode, Subtopology } from '../../topology/plan.ts'

/**
 * A fingerprint of what the members of a group must have in common: names, edges, topics and stores. It leaves out code, which
 * cannot be compared, and settings that leave tasks and changelogs as they are.
 */
export function topologyFingerprint({ subtopologies, globalStores, internalTopics }: Plan): string {
  const description = {
    subtopologies: subtopologies.map(describe),
    globalStores: globalStores.map(({ topic, store }) => [topic, store.spec.name, store.spec.kind]),
    internalTopics: internalTopics.map(({ name, kind, partitions }) => [name, kind, partitions]),
  }
  return createHash('sha256').update(JSON.stringify(description)).digest('hex').slice(0, 16)
}

function describe({ id, nodes, stores, idleTicks }: Subtopology): unknown {
  return {
    id,
    nodes: nodes.map(describeNode),
    stores: stores.map(({ spec, changelogTopic, sourceTopic }) => [
      spec.name,
      spec.kind,
      changelogTopic ?? sourceTopic ?? null,
      // A member that does not know parts would take them for rows.
      ...(spec.kind === 'key-value' && spec.changelogParts === true ? ['parts'] : []),
    ]),
    idleTicks: idleTicks?.topic ?? null,
  }
}

function describeNode(node: PlanNode): unknown {
  switch (node.type) {
    case 'source':
      // The topics that a pattern matches may differ for a while from one member to the next.
      return [node.name, ...(node.topicPattern === undefined ? [node.topics] : [[], String(node.topicPattern)])]
    case 'processor':
      return [node.name, node.parents, node.stores]
    case 'sink':
      return [node.name, node.parents, typeof node.topic === 'string' ? node.topic : null]
  }
}
