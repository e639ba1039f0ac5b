import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { Serde } from '../../state/ports/serde.ts'
import { aSerde } from '../given.ts'
import { NameGenerator } from '../names.ts'
import type { AutoOffsetReset } from '../plan.ts'
import type { Topology } from '../topology.ts'

/*
 * The graph of DSL operators. It exists between the calls of the DSL and the Topology: only when everything is known
 * (who needs old values, which table is materialised) is it written to the Topology.
 *
 * Invariants:
 * 1. Nodes are written in the order of the calls that made them, but never before all their parents, as Kafka
 *    Streams does: the order decides the numbers of subtopologies and the order of children.
 * 2. A node writes itself once.
 */

export interface GraphNodeOptions {
  readonly name: string
  /** Adds the node's processors, sources, sinks and stores to the topology. */
  readonly write: (topology: Topology, parents: readonly string[]) => void
  /** Streams read from topics: equal lists of topics share one source. */
  readonly source?: { readonly topics: readonly string[] | RegExp; readonly offsetReset: AutoOffsetReset | undefined }
  /** Left and outer joins let null keys pass: repartitions above them must not drop them. */
  readonly relaxedNullKeyJoin?: boolean
  /** A repartition: called before writing with whether records with a null key are dropped. */
  readonly dropNullKeys?: (drop: boolean) => void
  /** A repartition that may become one with others of the same stream: what it is made of. */
  readonly mergeable?: { readonly topic: string } & DefaultSerdes
  /** Records leave it with other keys. */
  readonly changesKey?: boolean
  /** Records leave it as they came, if they do. */
  readonly passes?: boolean
  /** It sends on the records of several streams. */
  readonly merges?: boolean
  /** Called before writing when all that both sides of a join read is the same stream. */
  readonly joinsItself?: () => void
  /** Grace of the windows this node closes, ms; for suppress. */
  readonly windowCloseDelayMs?: number
  /** Called when a suppress below sends only final results of this node's windows. */
  readonly onFinalBelow?: () => void
  /** Whether the table is a versioned one; undefined: as its parents. */
  readonly versioned?: boolean
  /** Called before writing, once per parent: `versioned` says whether the parent's table is versioned. */
  readonly onVersioned?: (parentName: string, versioned: boolean) => void
}

export class GraphNode {
  readonly options: GraphNodeOptions
  readonly children = new Set<GraphNode>()
  readonly parents = new Set<GraphNode>()
  priority = -1
  written = false

  constructor(options: GraphNodeOptions) {
    this.options = options
  }

  get name(): string {
    return this.options.name
  }

  addChild(child: GraphNode): void {
    this.children.add(child)
    child.parents.add(this)
  }

  removeChild(child: GraphNode): void {
    this.children.delete(child)
    child.parents.delete(this)
  }
}

export interface DefaultSerdes {
  readonly keySerde?: Serde<unknown> | undefined
  readonly valueSerde?: Serde<unknown> | undefined
}

/** Collects the graph and hands out names; shared by all streams and tables of one StreamsBuilder. */
export class DslGraph {
  readonly names = new NameGenerator()
  readonly defaults: DefaultSerdes
  /** Repartitions made for joins, by the handle of their stream: several joins of one stream share one. */
  readonly joinRepartitions = new WeakMap<object, GraphNode>()
  readonly root = new GraphNode({ name: 'root', write: () => undefined })
  readonly #copartitioned: ReadonlySet<string>[] = []
  readonly #internalTopics = new Map<string, { partitions?: number | undefined }>()
  #nextPriority = 0

  constructor(defaults: DefaultSerdes = {}) {
    this.defaults = defaults
    this.root.priority = -1
  }

  add(parents: GraphNode | readonly GraphNode[], options: GraphNodeOptions): GraphNode {
    const node = new GraphNode(options)
    for (const parent of parents instanceof GraphNode ? [parents] : parents) this.connect(parent, node)
    return node
  }

  /** Makes a node whose parents come later. */
  orphan(options: GraphNodeOptions, priority: number): GraphNode {
    const node = new GraphNode(options)
    node.priority = priority
    return node
  }

  /** Adds an existing node below one more parent. */
  connect(parent: GraphNode, node: GraphNode): void {
    parent.addChild(node)
    node.priority = this.#nextPriority
    this.#nextPriority += 1
  }

  copartition(sources: Iterable<string>): void {
    this.#copartitioned.push(new Set(sources))
  }

  /** Declares an internal topic ahead of the node that writes it. */
  internalTopic(name: string, options: { partitions?: number | undefined } = {}): void {
    this.#internalTopics.set(name, options)
  }

  keySerde<K>(serde: Serde<K> | undefined, where: string): Serde<K> {
    return needed(serde, this.defaults.keySerde, 'key', where)
  }

  valueSerde<V>(serde: Serde<V> | undefined, where: string): Serde<V> {
    return needed(serde, this.defaults.valueSerde, 'value', where)
  }

  /** @param optimize changes the graph, and returns the names of sources that are gone, with those in their place */
  writeTo(topology: Topology, optimize: (graph: DslGraph) => ReadonlyMap<string, string> = () => new Map()): void {
    const aliases = new Map([...mergeEqualSources(this.root), ...optimize(this)])
    settleNullKeys(this.root)
    settleVersions(this.root)
    for (const [name, options] of this.#internalTopics) topology.addInternalTopic(name, options)
    const queue: GraphNode[] = [this.root]
    for (let node = takeFirst(queue); node !== undefined; node = takeFirst(queue)) {
      if (!node.written && [...node.parents].every((parent) => parent.written)) {
        node.written = true
        node.options.write(
          topology,
          [...node.parents].map((parent) => parent.name),
        )
      }
      queue.push(...node.children)
    }
    for (const group of this.#copartitioned)
      topology.copartitionSources([...group].map((name) => aliases.get(name) ?? name))
  }
}

function needed<T>(
  serde: Serde<T> | undefined,
  fallback: Serde<unknown> | undefined,
  what: string,
  where: string,
): Serde<T> {
  const chosen = serde ?? (fallback as Serde<T> | undefined)
  if (chosen === undefined)
    throw new StreamsTopologyError(
      `${where} needs a ${what}Serde: give one there, at an operator before it, or as the default`,
    )
  return aSerde(`the ${what}Serde of ${where}`, chosen)
}

/** Removes and returns the node that was made first. */
function takeFirst(queue: GraphNode[]): GraphNode | undefined {
  let best = 0
  for (let i = 1; i < queue.length; i += 1) if ((queue[i]?.priority ?? 0) < (queue[best]?.priority ?? 0)) best = i
  return queue.splice(best, 1)[0]
}

/**
 * A topic has one source, so streams of the same topics become children of the first one. Returns the names of the removed
 * sources with the source each was merged into.
 */
function mergeEqualSources(root: GraphNode): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>()
  const byTopic = new Map<string, GraphNode>()
  for (const node of [...root.children]) {
    const source = node.options.source
    if (source === undefined) continue
    const keys = source.topics instanceof RegExp ? [`pattern ${source.topics}`] : source.topics
    for (const topic of keys) {
      const main = byTopic.get(topic)
      if (main === undefined) {
        byTopic.set(topic, node)
        continue
      }
      if (main === node) continue
      mergeSource(root, main, node)
      aliases.set(node.name, main.name)
    }
  }
  return aliases
}

function mergeSource(root: GraphNode, main: GraphNode, other: GraphNode): void {
  const a = main.options.source
  const b = other.options.source
  if (String(a?.topics) !== String(b?.topics))
    throw new StreamsTopologyError(
      `sources ${main.name} and ${other.name} read overlapping but not equal lists of topics`,
    )
  if (a?.offsetReset !== b?.offsetReset)
    throw new StreamsTopologyError(
      `sources ${main.name} and ${other.name} read the same topics with different offsetReset`,
    )
  for (const child of [...other.children]) {
    other.removeChild(child)
    main.addChild(child)
  }
  root.removeChild(other)
}

/** Repartitions drop null keys, unless a left or outer join below lets them pass (KIP-962). */
function settleNullKeys(root: GraphNode): void {
  const known = new Map<GraphNode, boolean>()
  const relaxed = (node: GraphNode): boolean => {
    const answer = known.get(node)
    if (answer !== undefined) return answer
    let found = false
    for (const child of node.children) {
      const below = relaxed(child)
      if (child.options.relaxedNullKeyJoin === true || below) found = true
    }
    known.set(node, found)
    return found
  }
  relaxed(root)
  for (const [node, isRelaxed] of known) node.options.dropNullKeys?.(!isRelaxed)
}

/** Informs each interested node which of the tables above it are versioned. */
function settleVersions(root: GraphNode): void {
  const known = new Map<GraphNode, boolean>()
  const versioned = (node: GraphNode): boolean => {
    if (node.options.versioned !== undefined) return node.options.versioned
    const answer = known.get(node)
    if (answer !== undefined) return answer
    let all = node.parents.size > 0
    for (const parent of node.parents) if (parent === root || !versioned(parent)) all = false
    known.set(node, all)
    return all
  }
  const seen = new Set<GraphNode>()
  const visit = (node: GraphNode): void => {
    if (seen.has(node)) return
    seen.add(node)
    for (const parent of node.parents) node.options.onVersioned?.(parent.name, versioned(parent))
    for (const child of node.children) visit(child)
  }
  visit(root)
}
