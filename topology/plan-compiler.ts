import { StreamsTopologyError } from '../state/ports/errors.ts'
import { answersTopicOf } from './answers-topic.ts'
import { deadLetterTopic } from './dead-letter-topic.ts'
import { describeTopology } from './describe/description.ts'
import {
  answersTopicConfig,
  changelogTopicConfig,
  idleTickTopicConfig,
  repartitionTopicConfig,
} from './internal-topic-config.ts'
import { idleTickTopic, type NodeGroup, nodeGroups } from './node-groups.ts'
import type {
  GlobalStore,
  IdleTicks,
  InternalTopic,
  Plan,
  PlanCalls,
  PlanNode,
  PlanStore,
  Subtopology,
} from './plan.ts'
import { matchesTopic } from './topic-pattern.ts'
import type { CallsPart, GlobalStorePart, NodePart, SourcePart, TopologyParts } from './topology-parts.ts'

/** Compiles the parts of a topology to the plan of one application: names resolved, subtopologies numbered. */
export function compilePlan(parts: TopologyParts, applicationId: string): Plan {
  const plan = new PlanCompiler(parts, applicationId, []).compile()
  if (!plan.subtopologies.some(hasPattern)) return plan
  // A pattern that matches everything is not meant for what this application writes for itself.
  const own = new Set([...plan.internalTopics.map(({ name }) => name), deadLetterTopic(applicationId)])
  const withTopics = (existing: readonly string[]): Plan => {
    const others = existing.filter((topic) => !own.has(topic)).sort()
    return { ...new PlanCompiler(parts, applicationId, others).compile(), withTopics }
  }
  return { ...plan, withTopics }
}

class PlanCompiler {
  readonly #parts: TopologyParts
  readonly #applicationId: string
  readonly #children: ReadonlyMap<string, readonly string[]>
  readonly #internalTopics: InternalTopic[] = []
  /** Topics that patterns are matched with. */
  readonly #existing: readonly string[]

  constructor(parts: TopologyParts, applicationId: string, existing: readonly string[]) {
    this.#parts = parts
    this.#existing = existing
    this.#applicationId = applicationId
    this.#children = childrenByName(parts)
  }

  compile(): Plan {
    const subtopologies: Subtopology[] = []
    for (const group of nodeGroups(this.#parts)) {
      if (group.global) continue
      const subtopology = this.#subtopology(group)
      if (subtopology.sourceTopics.length > 0 || hasPattern(subtopology)) subtopologies.push(subtopology)
    }
    return {
      applicationId: this.#applicationId,
      subtopologies,
      globalStores: [...this.#parts.globalStores.values()].map((store) => this.#globalStore(store)),
      internalTopics: this.#internalTopics,
      describe: () => describeTopology(this.#parts).toJSON(),
    }
  }

  #subtopology(group: NodeGroup): Subtopology {
    const parts = group.nodes.map((name) => this.#node(name))
    const sources = parts.filter((part) => part.type === 'source')
    const sourceTopics = sources.flatMap((source) => this.#topicsOf(source))
    const repartitionSourceTopics = sources.flatMap((source) =>
      source.topics instanceof RegExp ? [] : source.topics.filter((topic) => this.#isInternal(topic)),
    )
    for (const topic of repartitionSourceTopics)
      this.#internalTopics.push({
        name: this.#resolve(topic),
        kind: 'repartition',
        partitions: this.#parts.internalTopics.get(topic)?.partitions ?? 'source',
        config: repartitionTopicConfig(),
      })
    const stores = this.#stores(parts)
    const repartitionSinkTopics = new Set<string>()
    for (const part of parts)
      if (part.type === 'sink' && typeof part.topic === 'string' && this.#isInternal(part.topic))
        repartitionSinkTopics.add(this.#resolve(part.topic))
    return {
      id: group.id,
      nodes: parts.map((part) => this.#planNode(part)),
      stores,
      sourceTopics,
      repartitionSourceTopics: repartitionSourceTopics.map((topic) => this.#resolve(topic)),
      repartitionSinkTopics: [...repartitionSinkTopics],
      copartitionGroups: this.#copartitionGroups(sources),
      idleTicks: this.#idleTicks(group),
    }
  }

  #idleTicks(group: NodeGroup): IdleTicks | undefined {
    const name = idleTickTopic(this.#parts, group)
    const afterMs = this.#parts.idleAfterMs
    if (name === null || afterMs === null) return undefined
    const topic = `${this.#applicationId}-${name}`
    this.#internalTopics.push({ name: topic, kind: 'idle-tick', partitions: 'source', config: idleTickTopicConfig() })
    return { topic, afterMs }
  }

  #calls(node: string, { store, answers }: CallsPart): PlanCalls {
    if (answers === null) return { store, answers }
    const { serde, retentionMs } = answers
    const topic = `${this.#applicationId}-${answersTopicOf(node)}`
    const config = answersTopicConfig(retentionMs)
    this.#internalTopics.push({ name: topic, kind: 'answers', partitions: 'source', config })
    return { store, answers: { topic, serde } }
  }

  #planNode(part: NodePart): PlanNode {
    const children = this.#children.get(part.name) ?? []
    switch (part.type) {
      case 'source': {
        const { topics, ...rest } = part
        return topics instanceof RegExp
          ? { ...rest, topics: this.#topicsOf(part), topicPattern: topics, children }
          : { ...rest, topics: topics.map((topic) => this.#resolve(topic)), children }
      }
      case 'processor':
        return {
          type: 'processor',
          name: part.name,
          parents: part.parents,
          supplier: part.supplier,
          stores: [...part.stores],
          children,
          ...(part.calls && { calls: this.#calls(part.name, part.calls) }),
        }
      case 'sink':
        return { ...part, topic: typeof part.topic === 'string' ? this.#resolve(part.topic) : part.topic }
    }
  }

  /** Stores of a subtopology in the order their processors stand, as Kafka Streams opens them. */
  #stores(parts: readonly NodePart[]): PlanStore[] {
    const stores = new Map<string, PlanStore>()
    for (const part of parts) {
      if (part.type !== 'processor') continue
      for (const name of part.stores) {
        const store = this.#parts.stores.get(name)
        if (store === undefined || stores.has(name)) continue
        const serdeTopic = `${this.#applicationId}-${name}-changelog`
        const spec = { ...store.spec, serdeTopic }
        if (store.sourceTopic !== undefined) {
          const sourceTopic = this.#resolve(store.sourceTopic)
          stores.set(name, { spec: { ...spec, logging: false }, changelogTopic: null, sourceTopic })
          continue
        }
        const changelogTopic = spec.logging ? serdeTopic : null
        stores.set(name, { spec, changelogTopic })
        if (changelogTopic !== null)
          this.#internalTopics.push({
            name: changelogTopic,
            kind: 'changelog',
            partitions: 'source',
            config: changelogTopicConfig(spec),
          })
      }
    }
    return [...stores.values()]
  }

  #globalStore(part: GlobalStorePart): GlobalStore {
    const source = this.#planNode(this.#node(part.sourceName))
    const processor = this.#planNode(this.#node(part.processorName))
    if (source.type !== 'source' || processor.type !== 'processor')
      throw new StreamsTopologyError(`global store ${part.spec.name} has no source and processor`)
    return {
      topic: part.topic,
      source,
      processor,
      store: { spec: { ...part.spec, serdeTopic: part.topic }, changelogTopic: part.topic },
    }
  }

  /** Closes the declared groups transitively and keeps those that read from this subtopology. */
  #copartitionGroups(sources: readonly SourcePart[]): string[][] {
    const own = new Map(sources.map((source) => [source.name, this.#topicsOf(source)]))
    const groups: Set<string>[] = []
    for (const declared of this.#parts.copartitionGroups) {
      let merged = new Set<string>()
      for (const name of declared) for (const topic of own.get(name) ?? []) merged.add(topic)
      for (let i = groups.length - 1; i >= 0; i -= 1) {
        const group = groups[i]
        if (group === undefined || !intersects(group, merged)) continue
        merged = new Set([...group, ...merged])
        groups.splice(i, 1)
      }
      if (merged.size > 1) groups.push(merged)
    }
    return groups.map((group) => [...group])
  }

  #topicsOf(source: SourcePart): readonly string[] {
    const { topics } = source
    if (topics instanceof RegExp) return this.#existing.filter((topic) => matchesTopic(topics, topic))
    return topics.map((topic) => this.#resolve(topic))
  }

  #isInternal(topic: string): boolean {
    return this.#parts.internalTopics.has(topic)
  }

  #resolve(topic: string): string {
    return this.#isInternal(topic) ? `${this.#applicationId}-${topic}` : topic
  }

  #node(name: string): NodePart {
    const node = this.#parts.nodes.get(name)
    if (node === undefined) throw new StreamsTopologyError(`node ${name} is not added`)
    return node
  }
}

function intersects(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  for (const item of a) if (b.has(item)) return true
  return false
}

function hasPattern(subtopology: Subtopology): boolean {
  return subtopology.nodes.some((node) => node.type === 'source' && node.topicPattern !== undefined)
}

function childrenByName(parts: TopologyParts): Map<string, string[]> {
  const children = new Map<string, string[]>()
  for (const node of parts.nodes.values()) {
    if (node.type === 'source') continue
    for (const parent of node.parents) {
      const list = children.get(parent)
      if (list === undefined) children.set(parent, [node.name])
      else if (!list.includes(node.name)) list.push(node.name)
    }
  }
  return children
}
