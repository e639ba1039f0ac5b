import type { Serde } from '../../state/ports/serde.ts'
import type { TableParent, ValueGetterSupplier } from '../operators/table-operator.ts'
import type { DslGraph, GraphNode } from './graph.ts'
import type { KGroupedStream, KGroupedTable, KStream, KTable } from './types.ts'

interface Handle<K, V> {
  readonly dsl: Dsl
  readonly name: string
  readonly node: GraphNode
  readonly keySerde: Serde<K> | undefined
  readonly valueSerde: Serde<V> | undefined
  /** Names of the source nodes above it in this subtopology, which must be co-partitioned in a join. */
  readonly sources: ReadonlySet<string>
}

/** The internal data of a KStream: its place in the graph. */
export interface StreamHandle<K, V> extends Handle<K, V> {
  /** The key may have changed since the records were partitioned by it. */
  readonly repartitionRequired: boolean
}

/** The internal data of a KTable. */
export interface TableHandle<K, V> extends Handle<K, V> {
  readonly queryableStoreName: string | null
  readonly operator: TableParent<K, V>
}

/** The internal data of a KGroupedStream. */
export interface GroupedStreamHandle<K, V> extends StreamHandle<K, V> {
  /** Name given for the repartition topic. */
  readonly repartitionName: string | undefined
}

/** The internal data of a KGroupedTable. */
export interface GroupedTableHandle<K, V> extends Handle<K, V> {
  readonly repartitionName: string | undefined
  /** The values that arrive are sums. */
  readonly hasSums: boolean
}

/** The internal data of a GlobalKTable. */
export interface GlobalTableHandle<K, V> {
  readonly dsl: Dsl
  readonly queryableStoreName: string
  readonly view: ValueGetterSupplier<K, V>
}

/**
 * Shared by all streams and tables of one StreamsBuilder: its graph and the constructors. A stream makes tables and a table makes
 * streams; both go through here, which keeps their files free of import cycles.
 */
export interface Dsl {
  readonly graph: DslGraph
  stream<K, V>(handle: StreamHandle<K, V>): KStream<K, V>
  table<K, V>(handle: TableHandle<K, V>): KTable<K, V>
  groupedStream<K, V>(handle: GroupedStreamHandle<K, V>): KGroupedStream<K, V>
  groupedTable<K, V>(handle: GroupedTableHandle<K, V>): KGroupedTable<K, V>
}
