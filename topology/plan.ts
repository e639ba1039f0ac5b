import type { Headers } from '../state/ports/headers.ts'
import type { Serde } from '../state/ports/serde.ts'
import type { StoreSpec } from '../state/ports/store-spec.ts'
import type { TopologyJson } from './describe/topology-json.ts'
import type { ProcessorSupplier } from './processor.ts'

/*
 * The plan: what Topology.build() hands to the runtime. Pure data plus processor suppliers; types of keys
 * and values are erased here (the DSL keeps them). Node order inside a subtopology is topological: a node
 * stands behind all its parents.
 */

/** Decides a record's timestamp (epoch ms). Negative = drop the record (counted), as in Kafka Streams. */
export type TimestampExtractor = (
  record: { readonly key: unknown; readonly value: unknown; readonly timestamp: number; readonly topic: string },
  partitionTime: number,
) => number

export type AutoOffsetReset = 'earliest' | 'latest' | 'none'

/**
 * Runs right after deserialisation and before the record counts for stream time. Throwing makes the record a
 * deserialisation failure (dead letter or stop, as the handler says). May return replaced headers.
 */
export type RecordCheck = (record: {
  readonly topic: string
  readonly key: unknown
  readonly value: unknown
  readonly timestamp: number
  readonly headers: Headers
}) => Headers | undefined

/**
 * Names the device whose clock gave a record its time, in topics that devices with clocks of their own write. Stream time then
 * counts a time only when two devices, one right after the other, have reached it. So no single clock decides which records of
 * others are late, expired or over. docs/decisions/wrong-clocks.md says why.
 */
export interface DeviceClock<K = unknown, V = unknown> {
  /** null: nobody knows; the record does not move stream time. */
  deviceOf(key: K, value: V): string | null
  /** When it happened by that clock, epoch ms. */
  timeOf(key: K, value: V, recordTimestamp: number): number
}

export interface SourceNode {
  readonly type: 'source'
  readonly name: string
  /** Internal topics without the application id prefix carry `internal: true` in Plan.internalTopics; names here are resolved. */
  readonly topics: readonly string[]
  /** Subscription by pattern: `topics` are those that the pattern matches as a whole, of the topics of Plan.withTopics(). */
  readonly topicPattern?: RegExp | undefined
  readonly children: readonly string[]
  readonly keySerde: Serde<unknown>
  readonly valueSerde: Serde<unknown>
  readonly timestampExtractor?: TimestampExtractor | undefined
  readonly offsetReset?: AutoOffsetReset | undefined
  readonly check?: RecordCheck | undefined
  /** Records with a negative timestamp are processed, too. */
  readonly takesAnyTime?: boolean | undefined
  /** How the topics' producers choose partitions, for queries; undefined: Kafka's default, or as the application's own sinks do. */
  readonly partitioner?: StreamPartitioner | undefined
  readonly deviceClock?: DeviceClock | undefined
  /** Records in other partitions than Kafka's default partitioner puts their keys are reported and counted. */
  readonly checksPartitions?: boolean | undefined
}

export interface ProcessorNode {
  readonly type: 'processor'
  readonly name: string
  readonly children: readonly string[]
  readonly parents: readonly string[]
  readonly stores: readonly string[]
  readonly supplier: ProcessorSupplier<unknown, unknown, unknown, unknown>
  /** Present when it asks outside of the topology (mapAsync and the like): its outputs are no function of the input alone. */
  readonly calls?: PlanCalls | undefined
}

/** The calls of a node. */
export interface PlanCalls {
  /** Name of the store of unanswered calls. */
  readonly store: string
  /** Where the answers are recorded; null: nowhere. */
  readonly answers: PlanAnswers | null
}

export interface PlanAnswers {
  /** Resolved name. Answers are written to it with their effects, in the task's partition; it is no source. */
  readonly topic: string
  readonly serde: Serde<unknown>
}

/**
 * Chooses a partition, or several of which each gets the record (Kafka Streams' KIP-837; none: it is written nowhere);
 * undefined = murmur2 of the key bytes (null key: round robin).
 */
export type StreamPartitioner<K = unknown, V = unknown> = Partitioner<K, V>['choose']

/** A method: the partitioner of a stream's types goes where one of unknown types is held. */
interface Partitioner<K, V> {
  choose(topic: string, key: K, value: V | null, numPartitions: number): number | readonly number[] | undefined
}

export type TopicExtractor<K = unknown, V = unknown> = (
  key: K,
  value: V,
  context: { readonly timestamp: number; readonly headers: Headers },
) => string

export interface SinkNode {
  readonly type: 'sink'
  readonly name: string
  readonly parents: readonly string[]
  readonly topic: string | TopicExtractor
  readonly keySerde: Serde<unknown>
  readonly valueSerde: Serde<unknown>
  readonly partitioner?: StreamPartitioner | undefined
  /** The partitioner goes by the value alone: it cannot tell where a key is. */
  readonly partitionsByValue?: boolean | undefined
  /** Replaces the record's headers on the way out. */
  readonly headers?: ((headers: Headers) => Headers) | undefined
}

export type PlanNode = SourceNode | ProcessorNode | SinkNode

export interface InternalTopic {
  readonly name: string
  readonly kind: 'repartition' | 'changelog' | 'idle-tick' | 'answers'
  /** Partition count: a number, or 'source' = the greatest partition count of the subtopology's sources (copartition group for repartition). */
  readonly partitions: number | 'source'
  /** cleanup.policy and the like; complete, nothing is added by the runtime except replication. */
  readonly config: Readonly<Record<string, string>>
}

/** Closing of windows on quiet partitions; see docs/idle-windows.md. */
export interface IdleTicks {
  /** Resolved name. Ticks are read from it when a task is opened, and written to it; it is no source. */
  readonly topic: string
  /** Wall clock (ms) without input after which stream time may move by itself. */
  readonly afterMs: number
}

/** A set of topics of one subtopology that must have the same number of partitions. */
export type CopartitionGroup = readonly string[]

export interface PlanStore {
  readonly spec: StoreSpec
  /** Resolved changelog topic name; null when logging is off. */
  readonly changelogTopic: string | null
  /**
   * The records of this source topic are the rows: the store is restored from it, up to the committed offset, and has no changelog.
   * It is a topic of the subtopology's sources.
   */
  readonly sourceTopic?: string | undefined
}

export interface Subtopology {
  /** 0, 1, ... as Kafka Streams numbers them. */
  readonly id: number
  /** In topological order. */
  readonly nodes: readonly PlanNode[]
  readonly stores: readonly PlanStore[]
  readonly sourceTopics: readonly string[]
  readonly repartitionSourceTopics: readonly string[]
  readonly repartitionSinkTopics: readonly string[]
  readonly copartitionGroups: readonly CopartitionGroup[]
  /** Present when the topology opted in and this subtopology holds something back until stream time has passed. */
  readonly idleTicks?: IdleTicks | undefined
}

/** A GlobalKTable: every instance reads all partitions of the topic into a local store. */
export interface GlobalStore {
  readonly topic: string
  readonly source: SourceNode
  readonly processor: ProcessorNode
  readonly store: PlanStore
}

export interface Plan {
  readonly applicationId: string
  readonly subtopologies: readonly Subtopology[]
  readonly globalStores: readonly GlobalStore[]
  readonly internalTopics: readonly InternalTopic[]
  /**
   * Present when sources subscribe by pattern: the same plan with their topics among these, all that exist. Internal topics and the dead
   * letter topic of the application are never matched.
   */
  readonly withTopics?: (existing: readonly string[]) => Plan
  /** The answer of Topology.describe(). */
  readonly describe: () => TopologyJson
}
