import type { Serde } from '../../state/ports/serde.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import { lateRecordFilter } from '../operators/late-records.ts'
import type { TableOperator } from '../operators/table-operator.ts'
import type { Topology } from '../topology.ts'
import type { GroupedStreamHandle } from './dsl.ts'
import type { GraphNode, GraphNodeOptions } from './graph.ts'
import type { Produced } from './options.ts'
import { repartitionNode } from './repartition.ts'
import type { KTable } from './types.ts'

/** The topic of late records. */
export interface LateTopic<K, V> {
  readonly topic: string
  readonly produced: Produced<K, V>
}

export interface AggregationOptions<K, V, KR, VR> {
  /** Name of the aggregating node. */
  readonly name: string
  readonly storeName: string
  readonly spec: () => StoreSpec
  readonly queryableStoreName: string | null
  readonly operator: TableOperator<K, V, KR, VR>
  readonly keySerde: Serde<KR> | undefined
  readonly valueSerde: Serde<VR> | undefined
  readonly late?: LateTopic<K, V> | undefined
  readonly graphNode?: Pick<GraphNodeOptions, 'versioned' | 'windowCloseDelayMs' | 'onFinalBelow'>
  /** Results are held back until their windows close. */
  readonly emitsFinal?: boolean
}

/** Name of the child that receives late records. */
export function lateChildName(aggregateName: string): string {
  return `${aggregateName}-late`
}

/**
 * Adds aggregates to a grouped stream, after a repartition when the key may have changed. All aggregates of one grouped stream
 * share its repartition topic when it has a name.
 */
export class StreamAggregation<K, V> {
  readonly #handle: GroupedStreamHandle<K, V>
  #repartition: GraphNode | undefined

  constructor(handle: GroupedStreamHandle<K, V>) {
    this.#handle = handle
  }

  build<KR, VR>(options: AggregationOptions<K, V, KR, VR>): KTable<KR, VR> {
    const { dsl } = this.#handle
    const { name, operator, spec, late } = options
    const parent = this.parent(options.storeName)
    const node = dsl.graph.add(parent.node, {
      name,
      ...options.graphNode,
      write: (topology, parents) => {
        const holdsBack = options.emitsFinal === true ? options.storeName : undefined
        topology.addOperator({ name, parents, supplier: operator.supplier, holdsBack })
        topology.addStateStore(spec(), [name])
        if (late !== undefined) this.#writeLateTopic(topology, name, late)
      },
    })
    return dsl.table<KR, VR>({
      dsl,
      name,
      node,
      keySerde: options.keySerde,
      valueSerde: options.valueSerde,
      sources: parent.sources,
      queryableStoreName: options.queryableStoreName,
      operator,
    })
  }

  /** Returns the parent node of an aggregate, and adds the repartition when there must be one. */
  parent(storeName: string): { readonly node: GraphNode; readonly sources: ReadonlySet<string> } {
    const { dsl, node, sources, repartitionRequired, repartitionName, keySerde, valueSerde } = this.#handle
    if (!repartitionRequired) {
      // Not in Kafka Streams: several topics under one aggregate must agree on which partition a key is in.
      dsl.graph.copartition(sources)
      return { node, sources }
    }
    const prefix = repartitionName ?? storeName
    const options = repartitionNode({ graph: dsl.graph, prefix, keySerde, valueSerde, isMergeable: true })
    if (this.#repartition === undefined || repartitionName === undefined)
      this.#repartition = dsl.graph.add(node, options)
    else dsl.graph.connect(node, this.#repartition)
    return { node: this.#repartition, sources: new Set([this.#repartition.name]) }
  }

  #writeLateTopic(topology: Topology, aggregate: string, { topic, produced }: LateTopic<K, V>): void {
    const { graph } = this.#handle.dsl
    const filter = lateChildName(aggregate)
    topology.addOperator({ name: filter, parents: [aggregate], supplier: lateRecordFilter })
    topology.addSink({
      name: produced.name ?? `${filter}-sink`,
      parents: [filter],
      topic,
      keySerde: graph.keySerde(produced.keySerde ?? this.#handle.keySerde, `late topic ${topic}`),
      valueSerde: graph.valueSerde(produced.valueSerde ?? this.#handle.valueSerde, `late topic ${topic}`),
      partitioner: produced.partitioner,
      headers: produced.headers,
    })
  }
}
