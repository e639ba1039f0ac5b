import type { Serde } from '../../state/ports/serde.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type { TableOperator } from '../operators/table-operator.ts'
import type { GroupedStreamHandle } from './dsl.ts'
import type { GraphNode, GraphNodeOptions } from './graph.ts'
import { repartitionNode } from './repartition.ts'
import type { KTable } from './types.ts'

export interface AggregationOptions<K, V, KR, VR> {
  /** Name of the aggregating node. */
  readonly name: string
  readonly storeName: string
  readonly spec: () => StoreSpec
  readonly queryableStoreName: string | null
  readonly operator: TableOperator<K, V, KR, VR>
  readonly keySerde: Serde<KR> | undefined
  readonly valueSerde: Serde<VR> | undefined
  readonly graphNode?: Pick<GraphNodeOptions, 'versioned' | 'windowCloseDelayMs'>
}

/**
 * Hangs aggregates below a grouped stream, behind a repartition where the key may have changed. All aggregates of one
 * grouped stream share its repartition topic when it was given a name.
 */
export class StreamAggregation<K, V> {
  readonly #handle: GroupedStreamHandle<K, V>
  #repartition: GraphNode | undefined

  constructor(handle: GroupedStreamHandle<K, V>) {
    this.#handle = handle
  }

  build<KR, VR>(options: AggregationOptions<K, V, KR, VR>): KTable<KR, VR> {
    const { dsl } = this.#handle
    const parent = this.#parent(options.storeName)
    const node = dsl.graph.add(parent.node, {
      name: options.name,
      ...options.graphNode,
      write(topology, parents) {
        topology.addProcessor({ name: options.name, parents, supplier: options.operator.supplier })
        topology.addStateStore(options.spec(), [options.name])
      },
    })
    return dsl.table<KR, VR>({
      dsl,
      name: options.name,
      node,
      keySerde: options.keySerde,
      valueSerde: options.valueSerde,
      sources: parent.sources,
      queryableStoreName: options.queryableStoreName,
      operator: options.operator,
    })
  }

  #parent(storeName: string): { readonly node: GraphNode; readonly sources: ReadonlySet<string> } {
    const { dsl, node, sources, repartitionRequired, repartitionName, keySerde, valueSerde } = this.#handle
    if (!repartitionRequired) {
      // Not in Kafka Streams: several topics under one aggregate must agree on which partition a key is in.
      dsl.graph.copartition(sources)
      return { node, sources }
    }
    const prefix = repartitionName ?? storeName
    const options = repartitionNode({ graph: dsl.graph, prefix, keySerde, valueSerde })
    if (this.#repartition === undefined || repartitionName === undefined)
      this.#repartition = dsl.graph.add(node, options)
    else dsl.graph.connect(node, this.#repartition)
    return { node: this.#repartition, sources: new Set([this.#repartition.name]) }
  }
}
