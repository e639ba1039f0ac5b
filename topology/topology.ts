import { StreamsTopologyError } from '../state/ports/errors.ts'
import { KEPT_NAME, MAX_KEPT_NUMBERS } from '../state/ports/kept-number.ts'
import type { Serde } from '../state/ports/serde.ts'
import type { KeyValueSpec, StoreSpec } from '../state/ports/store-spec.ts'
import { describeTopology, type TopologyDescription } from './describe/description.ts'
import { aSupplier } from './given.ts'
import { validateName } from './names.ts'
import type {
  AutoOffsetReset,
  DeviceClock,
  Plan,
  RecordCheck,
  SinkNode,
  StreamPartitioner,
  TimestampExtractor,
  TopicExtractor,
} from './plan.ts'
import { compilePlan } from './plan-compiler.ts'
import type { ProcessorSupplier, ProcessorWrapper } from './processor.ts'
import { matchesTopic } from './topic-pattern.ts'
import type {
  CallsPart,
  GlobalStorePart,
  InternalTopicPart,
  NodePart,
  StorePart,
  TopologyParts,
} from './topology-parts.ts'

export interface TopologyOptions {
  readonly processorWrapper?: ProcessorWrapper | undefined
}

export interface SourceOptions<K, V> {
  readonly name: string
  readonly topics: string | readonly string[] | RegExp
  readonly keySerde: Serde<K>
  readonly valueSerde: Serde<V>
  readonly timestampExtractor?: TimestampExtractor | undefined
  readonly offsetReset?: AutoOffsetReset | undefined
  readonly check?: RecordCheck | undefined
  /** How the topics' producers choose partitions: where queries look for a key. */
  readonly partitioner?: StreamPartitioner | undefined
  readonly deviceClock?: DeviceClock<K, V> | undefined
  readonly checksPartitions?: boolean | undefined
}

export interface ProcessorOptions<KIn, VIn, KOut, VOut> {
  readonly name: string
  readonly parents: readonly string[]
  readonly supplier: ProcessorSupplier<KIn, VIn, KOut, VOut>
  /** Names of stores added before. */
  readonly stores?: readonly string[] | undefined
  /**
   * Set by processors that hold something back until stream time has passed and register an IdleListener: a stable
   * name for it (of its store, say), after which the topic of idle ticks is named.
   */
  readonly holdsBack?: string | undefined
  /** Set by processors that ask outside of the topology (ProcessorContext.openCalls). */
  readonly calls?: CallsPart | undefined
}

export interface SinkOptions<K, V> {
  readonly name: string
  readonly parents: readonly string[]
  readonly topic: string | TopicExtractor
  readonly keySerde: Serde<K>
  readonly valueSerde: Serde<V>
  readonly partitioner?: StreamPartitioner | undefined
  readonly partitionsByValue?: SinkNode['partitionsByValue']
  readonly headers?: SinkNode['headers']
}

/** A store whose rows are the records of a topic. */
export interface ReadOnlyStoreOptions<K, V> extends Omit<SourceOptions<K, V>, 'name' | 'topics'> {
  readonly store: KeyValueSpec
  readonly topic: string
  readonly sourceName: string
  readonly processorName: string
  /** Writes the records of the topic into the store. */
  readonly supplier: ProcessorSupplier<K, V, unknown, unknown>
}

export interface GlobalStoreOptions<K, V> {
  readonly store: StoreSpec
  readonly topic: string
  readonly sourceName: string
  readonly processorName: string
  readonly keySerde: Serde<K>
  readonly valueSerde: Serde<V>
  readonly timestampExtractor?: TimestampExtractor | undefined
  readonly check?: RecordCheck | undefined
  /** Writes the records of the topic into the store. */
  readonly supplier: ProcessorSupplier<K, V, unknown, unknown>
}

/**
 * The graph of sources, processors, sinks and stores, written by hand or by the StreamsBuilder.
 *
 * Invariants:
 * 1. Names of nodes are unique; so are names of stores (global ones included).
 * 2. A node's parents were added before it: insertion order is a topological order.
 * 3. A topic is read by at most one source.
 *
 * All methods throw StreamsTopologyError when a call would break these.
 */
export class Topology {
  readonly #nodes = new Map<string, NodePart>()
  readonly #stores = new Map<string, StorePart>()
  readonly #globalStores = new Map<string, GlobalStorePart>()
  readonly #internalTopics = new Map<string, InternalTopicPart>()
  readonly #copartitionGroups: ReadonlySet<string>[] = []
  readonly #patterns: RegExp[] = []
  readonly #sourceTopics = new Set<string>()
  readonly #wrap: ProcessorWrapper
  #idleAfterMs: number | null = null

  constructor({ processorWrapper = (_name, supplier) => supplier }: TopologyOptions = {}) {
    this.#wrap = processorWrapper
  }

  addSource<K, V>(options: SourceOptions<K, V>): this {
    const { topics, ...rest } = options
    this.#checkNewNode(options.name)
    if (topics instanceof RegExp) {
      for (const topic of this.#sourceTopics)
        if (matchesTopic(topics, topic))
          throw new StreamsTopologyError(`pattern ${topics} matches topic ${topic}, which another source reads`)
      this.#patterns.push(topics)
      this.#nodes.set(options.name, { type: 'source', ...rest, topics })
      return this
    }
    const list = typeof topics === 'string' ? [topics] : [...topics]
    if (list.length === 0) throw new StreamsTopologyError(`source ${options.name} must have at least one topic`)
    for (const topic of list) this.#registerTopic(topic)
    this.#nodes.set(options.name, { type: 'source', ...rest, topics: list })
    return this
  }

  /** @throws StreamsTopologyError, too, for a supplier that is a class, or makes no new object at each call */
  addProcessor<KIn, VIn, KOut, VOut>(options: ProcessorOptions<KIn, VIn, KOut, VOut>): this {
    aSupplier(`the supplier of ${options.name}`, options.supplier)
    return this.addOperator(options)
  }

  /**
   * Adds a processor of the DSL, whose suppliers are known to be good: its own are, and it checks one of the program where it gets it.
   * A check calls the supplier twice, so there is one for each.
   */
  addOperator<KIn, VIn, KOut, VOut>(options: ProcessorOptions<KIn, VIn, KOut, VOut>): this {
    this.#checkNewNode(options.name)
    this.#checkParents(options.name, options.parents)
    const supplier = this.#wrap(options.name, options.supplier as ProcessorSupplier<unknown, unknown, unknown, unknown>)
    const parents = [...options.parents]
    const { name, holdsBack, calls } = options
    if (holdsBack !== undefined) validateName(holdsBack)
    this.#nodes.set(name, { type: 'processor', name, parents, supplier, stores: new Set(), holdsBack, calls })
    if (options.stores !== undefined && options.stores.length > 0)
      this.connectProcessorAndStateStores(options.name, options.stores)
    return this
  }

  addSink<K, V>(options: SinkOptions<K, V>): this {
    this.#checkNewNode(options.name)
    this.#checkParents(options.name, options.parents)
    if (typeof options.topic === 'string') validateName(options.topic)
    this.#nodes.set(options.name, { type: 'sink', ...options, parents: [...options.parents] })
    return this
  }

  /** Adds a store and connects it to the named processors. The same spec object may be added again. */
  addStateStore(spec: StoreSpec, processors: readonly string[] = []): this {
    validateName(spec.name)
    const known = this.#stores.get(spec.name)
    if (known !== undefined && known.spec !== spec)
      throw new StreamsTopologyError(`a different store has already been added with the name ${spec.name}`)
    if (this.#globalStores.has(spec.name))
      throw new StreamsTopologyError(`a global store has already been added with the name ${spec.name}`)
    if (known === undefined) {
      checkKeptNumbers(spec, processors)
      this.#stores.set(spec.name, { spec, users: new Set() })
    }
    for (const processor of processors) this.connectProcessorAndStateStores(processor, [spec.name])
    return this
  }

  /**
   * A store that is filled from a topic, partition by partition, and restored from it; the topic should be compacted. The processor
   * writes each record to the store as it is, since a restore does so (KIP-813).
   */
  addReadOnlyStateStore<K, V>(options: ReadOnlyStoreOptions<K, V>): this {
    const { store, topic, sourceName, processorName, supplier, ...source } = options
    this.addSource({ name: sourceName, topics: topic, ...source })
    this.addProcessor({ name: processorName, parents: [sourceName], supplier })
    this.addStateStore(store, [processorName])
    return this.restoreFromSource(store.name, topic)
  }

  /**
   * The records of a source's topic are the rows of the store, so they take the place of its changelog.
   * @throws StreamsTopologyError for a store that keeps more than the last record of each key, and for a second store
   *   of the topic
   */
  restoreFromSource(store: string, topic: string): this {
    const part = this.#stores.get(store)
    if (part === undefined) throw new StreamsTopologyError(`store ${store} is not added yet`)
    if (!this.#sourceTopics.has(topic)) throw new StreamsTopologyError(`no source reads topic ${topic}`)
    const { spec } = part
    if (spec.kind !== 'key-value' || (spec.keptNumbers ?? []).length > 0 || spec.changelogParts === true)
      throw new StreamsTopologyError(
        `store ${store} cannot be restored from topic ${topic}: it keeps more than rows by key`,
      )
    // A restore reads a partition for one store.
    for (const [other, { sourceTopic }] of this.#stores) {
      if (other !== store && sourceTopic === topic)
        throw new StreamsTopologyError(`store ${other} is already restored from topic ${topic}`)
    }
    this.#stores.set(store, { ...part, sourceTopic: topic })
    return this
  }

  connectProcessorAndStateStores(processor: string, stores: readonly string[]): this {
    if (stores.length === 0) throw new StreamsTopologyError('at least one store name is needed')
    for (const store of stores) {
      if (this.#globalStores.has(store))
        throw new StreamsTopologyError(`global store ${store} is open to every processor; do not connect it`)
      const part = this.#stores.get(store)
      if (part === undefined) throw new StreamsTopologyError(`store ${store} is not added yet`)
      const node = this.#nodes.get(processor)
      if (node === undefined) throw new StreamsTopologyError(`processor ${processor} is not added yet`)
      if (node.type !== 'processor')
        throw new StreamsTopologyError(`store ${store} cannot be connected to ${node.type} ${processor}`)
      part.users.add(processor)
      node.stores.add(store)
    }
    return this
  }

  /** A store that every instance fills from all partitions of a topic; its topic is its changelog. */
  addGlobalStore<K, V>(options: GlobalStoreOptions<K, V>): this {
    const { store, topic, sourceName, processorName } = options
    this.#checkNewNode(sourceName)
    this.#checkNewNode(processorName)
    if (sourceName === processorName)
      throw new StreamsTopologyError(`source and processor of global store ${store.name} must have different names`)
    if (this.#stores.has(store.name) || this.#globalStores.has(store.name))
      throw new StreamsTopologyError(`a different store has already been added with the name ${store.name}`)
    if (store.logging) throw new StreamsTopologyError(`global store ${store.name} must not have a changelog`)
    aSupplier(`the supplier of ${processorName}`, options.supplier)
    this.#registerTopic(topic)
    this.#nodes.set(sourceName, {
      type: 'source',
      name: sourceName,
      topics: [topic],
      keySerde: options.keySerde,
      valueSerde: options.valueSerde,
      timestampExtractor: options.timestampExtractor,
      check: options.check,
    })
    this.#nodes.set(processorName, {
      type: 'processor',
      name: processorName,
      parents: [sourceName],
      supplier: this.#wrap(processorName, options.supplier as ProcessorSupplier<unknown, unknown, unknown, unknown>),
      stores: new Set([store.name]),
    })
    this.#globalStores.set(store.name, { spec: store, topic, sourceName, processorName })
    return this
  }

  /**
   * Opts in to closing windows of quiet partitions: stream time moves by itself after `afterMs` (wall clock) without
   * input (docs/idle-windows.md). Kafka Streams never does that.
   */
  closeWindowsWhenIdle({ afterMs }: { readonly afterMs: number }): this {
    if (!Number.isSafeInteger(afterMs) || afterMs < 1)
      throw new StreamsTopologyError(`closeWindowsWhenIdle.afterMs must be an integer of at least 1, not ${afterMs}`)
    this.#idleAfterMs = afterMs
    return this
  }

  /** Declares a topic that this application owns; its name gets the application id as prefix in the plan. */
  addInternalTopic(name: string, options: InternalTopicPart = {}): this {
    this.#internalTopics.set(validateName(name), options)
    return this
  }

  /** The topics of these source nodes must have the same number of partitions. */
  copartitionSources(sources: Iterable<string>): this {
    this.#copartitionGroups.push(new Set(sources))
    return this
  }

  /** Read-only view for the compiler of plans, descriptions and checks. */
  parts(): TopologyParts {
    return {
      nodes: this.#nodes,
      stores: this.#stores,
      globalStores: this.#globalStores,
      internalTopics: this.#internalTopics,
      copartitionGroups: this.#copartitionGroups,
      idleAfterMs: this.#idleAfterMs,
    }
  }

  /** Nodes by subtopology; prints as Kafka Streams does. */
  describe(): TopologyDescription {
    return describeTopology(this.parts())
  }

  /** Compiles the plan that the runtime executes. */
  build(options: { readonly applicationId: string }): Plan {
    return compilePlan(this.parts(), validateName(options.applicationId))
  }

  #registerTopic(topic: string): void {
    validateName(topic)
    if (this.#sourceTopics.has(topic))
      throw new StreamsTopologyError(`topic ${topic} has already been registered by another source`)
    for (const pattern of this.#patterns)
      if (matchesTopic(pattern, topic))
        throw new StreamsTopologyError(`topic ${topic} matches pattern ${pattern}, which another source reads`)
    this.#sourceTopics.add(topic)
  }

  #checkNewNode(name: string): void {
    validateName(name)
    if (this.#nodes.has(name)) throw new StreamsTopologyError(`node ${name} is already added`)
  }

  #checkParents(name: string, parents: readonly string[]): void {
    if (parents.length === 0) throw new StreamsTopologyError(`node ${name} must have at least one parent`)
    for (const parent of parents) {
      const node = this.#nodes.get(parent)
      if (node === undefined) throw new StreamsTopologyError(`parent ${parent} of node ${name} is not added yet`)
      if (node.type === 'sink') throw new StreamsTopologyError(`sink ${parent} cannot be a parent of ${name}`)
    }
  }
}

/** They stand in one record of the store's changelog, so their number and their names are bounded. */
function checkKeptNumbers({ name, keptNumbers = [] }: StoreSpec, processors: readonly string[]): void {
  const where = processors.length === 0 ? `store ${name}` : `store ${name} of ${processors.join(', ')}`
  if (keptNumbers.length > MAX_KEPT_NUMBERS)
    throw new StreamsTopologyError(
      `${where} would keep ${keptNumbers.length} numbers, at most ${MAX_KEPT_NUMBERS} fit: give its operators several stores`,
    )
  const odd = keptNumbers.find((kept, i) => !KEPT_NAME.test(kept) || keptNumbers.indexOf(kept) !== i)
  if (odd !== undefined)
    throw new StreamsTopologyError(
      `${where} cannot keep a number named ${JSON.stringify(odd)}: names are unique, of a-z, 0-9 and -, at most 40 characters`,
    )
}
