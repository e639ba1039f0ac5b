import type { Serde } from '../../state/ports/serde.ts'
import { filter } from '../operators/stateless.ts'
import type { DeviceClock, StreamPartitioner } from '../plan.ts'
import type { Topology } from '../topology.ts'
import type { DslGraph, GraphNodeOptions } from './graph.ts'

const SUFFIX = '-repartition'
/** A generated stream name: then the parts of the repartition get generated names too. */
const GENERATED = /^KSTREAM.*-[0-9]{10}$/

export interface RepartitionOptions<K, V> {
  readonly graph: DslGraph
  /** Name of the topic, with or without "-repartition" at its end. */
  readonly prefix: string
  readonly keySerde: Serde<K> | undefined
  readonly valueSerde: Serde<V> | undefined
  readonly partitions?: number | undefined
  readonly partitioner?: StreamPartitioner<K, V> | undefined
  readonly partitionsByValue?: boolean | undefined
  readonly deviceClock?: DeviceClock<K, V> | undefined
  /** An operator needs it because keys have changed: it may share its topic with others. */
  readonly isMergeable?: boolean
}

/** Graph node that sends a stream through a topic of its own: filter, sink, source. Its name is the source's. */
export function repartitionNode<K, V>(options: RepartitionOptions<K, V>): GraphNodeOptions {
  const { graph, prefix } = options
  const topic = prefix.endsWith(SUFFIX) ? prefix : prefix + SUFFIX
  // The numbers are taken even when the parts are named after the topic, as in Kafka Streams.
  const generated = {
    sink: graph.names.processor('KSTREAM-SINK-'),
    filter: graph.names.processor('KSTREAM-FILTER-'),
    source: graph.names.processor('KSTREAM-SOURCE-'),
  }
  const names = GENERATED.test(prefix)
    ? generated
    : { sink: `${topic}-sink`, filter: `${topic}-filter`, source: `${topic}-source` }
  let dropNullKeys = false
  return {
    name: names.source,
    ...(options.isMergeable === true && {
      mergeable: {
        topic,
        keySerde: options.keySerde as Serde<unknown> | undefined,
        valueSerde: options.valueSerde as Serde<unknown> | undefined,
      },
    }),
    dropNullKeys(drop) {
      dropNullKeys = drop
    },
    write(topology: Topology, parents: readonly string[]) {
      const serdes = {
        keySerde: graph.keySerde(options.keySerde, `repartition topic ${topic}`),
        valueSerde: graph.valueSerde(options.valueSerde, `repartition topic ${topic}`),
      }
      topology.addInternalTopic(topic, { partitions: options.partitions })
      const keep = dropNullKeys ? (key: unknown): boolean => key !== null : (): boolean => true
      topology.addOperator({ name: names.filter, parents, supplier: filter(keep, true) })
      topology.addSink({
        name: names.sink,
        parents: [names.filter],
        topic,
        ...serdes,
        partitioner: options.partitioner,
        partitionsByValue: options.partitionsByValue,
      })
      topology.addSource({ name: names.source, topics: topic, ...serdes, deviceClock: options.deviceClock })
    },
  }
}
