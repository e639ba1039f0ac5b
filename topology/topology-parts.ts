import type { Serde } from '../state/ports/serde.ts'
import type { StoreSpec } from '../state/ports/store-spec.ts'
import type {
  AutoOffsetReset,
  DeviceClock,
  RecordCheck,
  SinkNode,
  StreamPartitioner,
  TimestampExtractor,
  TopicExtractor,
} from './plan.ts'
import type { ProcessorSupplier } from './processor.ts'

/*
 * The parts of a Topology before it is compiled to a Plan. Names of internal topics do not have the application id yet.
 * Everything is in the order it was added, which is a topological order.
 */

export interface SourcePart {
  readonly type: 'source'
  readonly name: string
  /** A list of topics, or a pattern (all existing topics that match as a whole). */
  readonly topics: readonly string[] | RegExp
  readonly keySerde: Serde<unknown>
  readonly valueSerde: Serde<unknown>
  readonly timestampExtractor?: TimestampExtractor | undefined
  readonly offsetReset?: AutoOffsetReset | undefined
  readonly check?: RecordCheck | undefined
  readonly partitioner?: StreamPartitioner | undefined
  readonly deviceClock?: DeviceClock | undefined
  readonly checksPartitions?: boolean | undefined
}

export interface ProcessorPart {
  readonly type: 'processor'
  readonly name: string
  readonly parents: readonly string[]
  readonly supplier: ProcessorSupplier<unknown, unknown, unknown, unknown>
  /** In the order they were connected. */
  readonly stores: Set<string>
  /** Stable name of what it holds back until stream time has passed. */
  readonly holdsBack?: string | undefined
  readonly calls?: CallsPart | undefined
}

export interface CallsPart {
  readonly store: string
  /** null: they are not recorded. */
  readonly answers: { readonly serde: Serde<unknown>; readonly retentionMs: number } | null
}

export interface SinkPart {
  readonly type: 'sink'
  readonly name: string
  readonly parents: readonly string[]
  readonly topic: string | TopicExtractor
  readonly keySerde: Serde<unknown>
  readonly valueSerde: Serde<unknown>
  readonly partitioner?: StreamPartitioner | undefined
  readonly partitionsByValue?: SinkNode['partitionsByValue']
  readonly headers?: SinkNode['headers']
}

export type NodePart = SourcePart | ProcessorPart | SinkPart

export interface StorePart {
  readonly spec: StoreSpec
  /** Names of the processors that use it. */
  readonly users: Set<string>
  /** The topic of a source whose records are its rows: it has no changelog of its own. */
  readonly sourceTopic?: string | undefined
}

export interface GlobalStorePart {
  readonly spec: StoreSpec
  readonly topic: string
  readonly sourceName: string
  readonly processorName: string
}

export interface InternalTopicPart {
  /** undefined: as many as the sources upstream. */
  readonly partitions?: number | undefined
}

export interface TopologyParts {
  readonly nodes: ReadonlyMap<string, NodePart>
  readonly stores: ReadonlyMap<string, StorePart>
  readonly globalStores: ReadonlyMap<string, GlobalStorePart>
  readonly internalTopics: ReadonlyMap<string, InternalTopicPart>
  /** Names of source nodes whose topics must have the same number of partitions. */
  readonly copartitionGroups: ReadonlyArray<ReadonlySet<string>>
  /** Wall clock (ms) without input after which windows close; null: never. */
  readonly idleAfterMs: number | null
}
