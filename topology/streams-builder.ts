import { StreamsTopologyError } from '../state/ports/errors.ts'
import type { Serde } from '../state/ports/serde.ts'
import type { StoreSpec } from '../state/ports/store-spec.ts'
import type { Dsl } from './dsl/dsl.ts'
import { GlobalKTableImpl } from './dsl/global-ktable.ts'
import { DslGraph } from './dsl/graph.ts'
import { KGroupedStreamImpl } from './dsl/kgrouped-stream.ts'
import { KGroupedTableImpl } from './dsl/kgrouped-table.ts'
import { KStreamImpl } from './dsl/kstream.ts'
import { KTableImpl } from './dsl/ktable.ts'
import { optimize } from './dsl/optimize.ts'
import type { Consumed, TableMaterialized } from './dsl/options.ts'
import { materializeTable } from './dsl/table-materialization.ts'
import type { GlobalKTable, KStream, KTable } from './dsl/types.ts'
import { checkExplicitNames } from './explicit-names.ts'
import { validateName } from './names.ts'
import { TableSource } from './operators/table-source.ts'
import { type Optimization, optimizationsOf, type TopologyOptimization } from './optimization.ts'
import type { ProcessorSupplier } from './processor.ts'
import { Topology, type TopologyOptions } from './topology.ts'

export interface StreamsBuilderOptions<DK = unknown, DV = unknown> extends TopologyOptions {
  /** Used where neither the operator nor anything above it has a serde. */
  readonly defaultKeySerde?: Serde<DK> | undefined
  readonly defaultValueSerde?: Serde<DV> | undefined
  /**
   * Refuse to build when a store, changelog or repartition topic has a generated name: such names move when an
   * operator is added before them, and their data is orphaned (KIP-1111).
   */
  readonly ensureExplicitInternalResourceNaming?: boolean | undefined
  /**
   * `none` (default), `all`, or some of these, as topology.optimization of Kafka Streams:
   * - `reuse.ktable.source.topics`: the store of a `table` has no changelog; it is restored from the table's topic, which must be compacted.
   *   Changing it empties those stores once, and restores them.
   * - `merge.repartition.topics`: all operators that need one stream by its new key share a repartition topic.
   *   Filters between the change of the key and such an operator come after the topic, with all that is below them: a `to` there no
   *   longer gets records with null keys, which the topic does not take.
   * - `single.store.self.join`: an inner join of a stream with itself keeps its records once.
   */
  readonly topologyOptimization?: TopologyOptimization | undefined
  /**
   * Closes windows, and sends on whatever else waits for stream time, when a task has been caught up without input for
   * `afterMs` of wall clock. Off unless given, as in Kafka Streams. See docs/idle-windows.md.
   */
  readonly closeWindowsWhenIdle?: { readonly afterMs: number } | undefined
}

/**
 * Where a program of streams and tables begins; `build()` turns it into a Topology. DK and DV are the types of the default serdes: a
 * source without serdes of its own has them.
 */
export class StreamsBuilder<DK = unknown, DV = unknown> {
  readonly #options: StreamsBuilderOptions<DK, DV>
  readonly #dsl: Dsl
  readonly #topology: Topology
  readonly #optimizations: ReadonlySet<Optimization>

  constructor(options: StreamsBuilderOptions<DK, DV> = {}) {
    this.#options = options
    this.#topology = new Topology(options)
    this.#optimizations = optimizationsOf(options.topologyOptimization)
    if (options.closeWindowsWhenIdle !== undefined) this.#topology.closeWindowsWhenIdle(options.closeWindowsWhenIdle)
    this.#dsl = {
      graph: new DslGraph({ keySerde: options.defaultKeySerde, valueSerde: options.defaultValueSerde }),
      stream: (handle) => new KStreamImpl(handle),
      table: (handle) => new KTableImpl(handle),
      groupedStream: (handle) => new KGroupedStreamImpl(handle),
      groupedTable: (handle) => new KGroupedTableImpl(handle),
    }
  }

  /** A stream of the records of one topic, several topics, or all topics that match a pattern as a whole. */
  stream<K = DK, V = DV>(topics: string | readonly string[] | RegExp, consumed: Consumed<K, V> = {}): KStream<K, V> {
    const { graph } = this.#dsl
    const list = topicsOf(topics)
    const name = graph.names.orElse(consumed.name, 'KSTREAM-SOURCE-')
    const { keySerde, valueSerde, timestampExtractor, offsetReset, check, partitioner, deviceClock, checksPartitions } =
      consumed
    const node = graph.add(graph.root, {
      name,
      source: { topics: list, offsetReset },
      write(topology) {
        topology.addSource({
          name,
          topics: list,
          keySerde: graph.keySerde(keySerde, `source ${name}`),
          valueSerde: graph.valueSerde(valueSerde, `source ${name}`),
          timestampExtractor,
          offsetReset,
          check,
          partitioner,
          deviceClock,
          checksPartitions,
        })
      },
    })
    const sources = new Set([name])
    return this.#dsl.stream({ dsl: this.#dsl, name, node, keySerde, valueSerde, sources, repartitionRequired: false })
  }

  /**
   * A table of a topic's latest value per key; null deletes, records with a null key are dropped. It gets a store
   * when `materialized` names one, or when an operator reads from the table.
   */
  table<K = DK, V = DV>(
    topic: string,
    consumed: Consumed<K, V> & { readonly materialized?: TableMaterialized<K, NonNullable<V>> | undefined } = {},
  ): KTable<K, NonNullable<V>> {
    const dsl = this.#dsl
    const { graph } = dsl
    validateName(topic)
    const { store, queryableStoreName, serdes, spec } = materializeTable<K, NonNullable<V>>({
      graph,
      materialized: consumed.materialized,
      prefix: `${topic}-`,
      inherited: { keySerde: consumed.keySerde, valueSerde: consumed.valueSerde as Serde<NonNullable<V>> | undefined },
    })
    const sourceName = graph.names.suffixOrElse(consumed.name, '-source', 'KSTREAM-SOURCE-')
    const name = graph.names.orElse(consumed.name, 'KTABLE-SOURCE-')
    const operator = new TableSource<K, NonNullable<V>>(store, { materialized: queryableStoreName !== null })
    const { timestampExtractor, offsetReset, check, partitioner, deviceClock, checksPartitions } = consumed
    const reusesTopic =
      this.#optimizations.has('reuse.ktable.source.topics') && consumed.materialized?.logging !== false
    const node = graph.add(graph.root, {
      name,
      versioned: store.versioned,
      write(topology) {
        topology.addSource({
          name: sourceName,
          topics: topic,
          keySerde: graph.keySerde(serdes.keySerde, `source ${sourceName}`),
          valueSerde: graph.valueSerde(serdes.valueSerde, `source ${sourceName}`),
          timestampExtractor,
          offsetReset,
          check,
          partitioner,
          deviceClock,
          checksPartitions,
        })
        topology.addOperator({ name, parents: [sourceName], supplier: operator.supplier })
        if (!operator.materialized) return
        const rows = spec()
        topology.addStateStore(rows, [name])
        if (reusesTopic && rows.kind === 'key-value') topology.restoreFromSource(rows.name, topic)
      },
    })
    const sources = new Set([sourceName])
    return dsl.table<K, NonNullable<V>>({ dsl, name, node, ...serdes, sources, queryableStoreName, operator })
  }

  /** A table that every instance has in full; its rows can be joined with under any key. */
  globalTable<K = DK, V = DV>(
    topic: string,
    consumed: Consumed<K, V> & { readonly materialized?: TableMaterialized<K, NonNullable<V>> | undefined } = {},
  ): GlobalKTable<K, NonNullable<V>> {
    const { graph } = this.#dsl
    validateName(topic)
    if (consumed.materialized?.historyRetentionMs !== undefined)
      throw new StreamsTopologyError(`the global table of ${topic} cannot be versioned`)
    const { store, serdes, spec } = materializeTable<K, NonNullable<V>>({
      graph,
      materialized: { ...consumed.materialized, logging: false, caching: false },
      prefix: `${topic}-`,
      inherited: {
        keySerde: consumed.keySerde,
        valueSerde: consumed.valueSerde as Serde<NonNullable<V>> | undefined,
      },
    })
    const sourceName = graph.names.suffixOrElse(consumed.name, '-source', 'KSTREAM-SOURCE-')
    const processorName = graph.names.orElse(consumed.name, 'KTABLE-SOURCE-')
    const operator = new TableSource<K, NonNullable<V>>(store, { materialized: true })
    const { timestampExtractor, check } = consumed
    graph.add(graph.root, {
      name: processorName,
      write(topology) {
        topology.addGlobalStore({
          store: spec(),
          topic,
          sourceName,
          processorName,
          keySerde: graph.keySerde(serdes.keySerde, `source ${sourceName}`),
          valueSerde: graph.valueSerde(serdes.valueSerde, `source ${sourceName}`),
          timestampExtractor,
          check,
          supplier: operator.supplier,
        })
      },
    })
    return new GlobalKTableImpl({ dsl: this.#dsl, queryableStoreName: store.name, view: operator.view() })
  }

  /** A store that every instance fills from all partitions of a topic through a processor of its own. */
  addGlobalStore<K, V>(options: {
    readonly store: StoreSpec
    readonly topic: string
    readonly consumed?: Consumed<K, V> | undefined
    readonly supplier: ProcessorSupplier<K, V, never, never>
  }): this {
    const { store, topic, consumed = {}, supplier } = options
    const { graph } = this.#dsl
    const sourceName = graph.names.suffixOrElse(consumed.name, '-source', 'KSTREAM-SOURCE-')
    const processorName = graph.names.orElse(consumed.name, 'KTABLE-SOURCE-')
    const spec = { ...store, logging: false }
    graph.add(graph.root, {
      name: processorName,
      write(topology) {
        topology.addGlobalStore({
          store: spec,
          topic,
          sourceName,
          processorName,
          keySerde: graph.keySerde(consumed.keySerde, `source ${sourceName}`),
          valueSerde: graph.valueSerde(consumed.valueSerde, `source ${sourceName}`),
          timestampExtractor: consumed.timestampExtractor,
          check: consumed.check,
          supplier,
        })
      },
    })
    return this
  }

  /** Adds a store for processors to connect to by name. */
  addStateStore(spec: StoreSpec): this {
    const { graph } = this.#dsl
    graph.add(graph.root, { name: `store ${spec.name}`, write: (topology) => void topology.addStateStore(spec) })
    return this
  }

  /**
   * The topology of everything built so far; always the same object, which later calls add to.
   * @throws StreamsTopologyError when the program contradicts itself, a serde is missing, or explicit names are
   *   demanded and missing.
   */
  build(): Topology {
    this.#dsl.graph.writeTo(this.#topology, (graph) => optimize(graph, this.#optimizations))
    if (this.#options.ensureExplicitInternalResourceNaming === true)
      checkExplicitNames(this.#topology.parts(), this.#dsl.graph.names)
    return this.#topology
  }
}

function topicsOf(topics: string | readonly string[] | RegExp): readonly string[] | RegExp {
  if (topics instanceof RegExp || Array.isArray(topics)) return topics
  return [validateName(topics as string)]
}
