import type { OpenBackends, StateBackend } from '../../state/ports/backend.ts'
import type { Serde } from '../../state/ports/serde.ts'
import type { StoreIndexSpec } from '../../state/ports/store-index.ts'
import type { Sums } from '../operators/group-sums.ts'
import type {
  AutoOffsetReset,
  DeviceClock,
  RecordCheck,
  SinkNode,
  StreamPartitioner,
  TimestampExtractor,
} from '../plan.ts'
import type { Unused } from '../sync.ts'
import type { ValueVersions } from '../versioned-values.ts'

/*
 * The options of the DSL's operators: plain objects, everything optional. Serdes that are left out are inherited from
 * above where the type is unchanged, then from the StreamsBuilder's defaults; building fails when there is none.
 */

/** Name of the operator's node; by default a generated one with a running number. */
export interface Named {
  readonly name?: string | undefined
}

/** Options for reading a topic. */
export interface Consumed<K, V> extends Named {
  readonly keySerde?: Serde<K> | undefined
  readonly valueSerde?: Serde<V> | undefined
  readonly timestampExtractor?: TimestampExtractor | undefined
  /** Where to start without committed offsets. The application's configuration has the default. */
  readonly offsetReset?: AutoOffsetReset | undefined
  /** Runs right after deserialisation; throwing InvalidRecordError makes the record a dead letter. */
  readonly check?: RecordCheck | undefined
  /**
   * How the topic's producers choose partitions, when they do not use Kafka's default partitioner. Queries look for a key there,
   * and the partitioner gets null for the value. Nothing else depends on it.
   */
  readonly partitioner?: StreamPartitioner<K, V> | undefined
  /** Source of the records' times; default: the timestamps are trusted, as in Kafka Streams. */
  readonly deviceClock?: DeviceClock<K, V> | undefined
  /**
   * Checks the first record of each fetch and every 64th after it: are they in the partition of their key by Kafka's default
   * partitioner? Misplaced ones are reported once per topic and counted (`misplaced_keys_total`). Co-partitioned topics need the
   * right placement. Default false.
   */
  readonly checksPartitions?: boolean | undefined
}

/** Options for writing a topic. */
export interface Produced<K, V> extends Named {
  readonly keySerde?: Serde<K> | undefined
  readonly valueSerde?: Serde<V> | undefined
  readonly partitioner?: StreamPartitioner<K, V> | undefined
  /** Replaces the record's headers on the way out. */
  readonly headers?: SinkNode['headers']
}

/** How records are printed. */
export interface Printed<K, V> extends Named {
  /** Default: the name of the node whose records they are. */
  readonly label?: string | undefined
  /** Text of a record. Default: `key, value`, objects as JSON. */
  readonly format?: ((key: K, value: V) => string) | undefined
  /** Where the lines go. Default: stdout. */
  readonly write?: ((line: string) => Unused) | undefined
}

/** `name` names the repartition topic (`<application.id>-<name>-repartition`) and the operator. */
export interface Grouped<K, V> extends Named {
  readonly keySerde?: Serde<K> | undefined
  readonly valueSerde?: Serde<V> | undefined
}

/** Groups of a table's rows. */
export interface TableGrouped<K, V> extends Grouped<K, V> {
  /**
   * Values add up before they go to the repartition topic: all that a group gets between two commits is one record, and the aggregate's
   * adder gets the sum of the new values less the sum of the old ones. For `aggregate` only. Groups whose key is an object are sent
   * one by one.
   */
  readonly sums?: Sums<V> | undefined
}

/** An explicit repartition. `name` names the topic. */
export interface Repartitioned<K, V> extends Grouped<K, V> {
  readonly partitions?: number | undefined
  readonly partitioner?: StreamPartitioner<K, V> | undefined
  /** The partitioner goes by the value alone, so queries by key do not ask it. */
  readonly partitionsByValue?: boolean | undefined
  /** Has the same meaning as for a source: it decides stream time after the topic. */
  readonly deviceClock?: DeviceClock<K, V> | undefined
}

/** The store of a table. */
export interface Materialized<K, V> extends ValueVersions<V> {
  /** Name of the store: it can be queried, and its changelog is `<application.id>-<name>-changelog`. */
  readonly name?: string | undefined
  readonly keySerde?: Serde<K> | undefined
  readonly valueSerde?: Serde<V> | undefined
  /** Keep a changelog topic (default true). */
  readonly logging?: boolean | undefined
  /** Extra topic configs of the changelog. */
  readonly changelogConfig?: Readonly<Record<string, string>> | undefined
  /** Coalesce the updates of a key and forward them once per commit (default true). */
  readonly caching?: boolean | undefined
  /**
   * The promise that nobody changes a value of this store in place, neither one that an aggregator, reducer or mapper was given nor
   * one it answered. The store then keeps and hands out the objects themselves instead of copies made by the serde, which is faster;
   * a value that is changed all the same makes results wrong. TopologyTestDriver freezes such values, so that a test finds it.
   */
  readonly immutableValues?: boolean | undefined
  /** Where its committed rows are: `level` or `rocksdb` (disk), `memory`, or a backend of your own (default: STATE_BACKEND). */
  readonly backend?: StateBackend | OpenBackends | undefined
  /** Keep the headers of the record that wrote a row. */
  readonly headers?: boolean | undefined
}

/** The store of a table without windows. */
export interface TableMaterialized<K, V> extends Materialized<K, V> {
  /** Remember past versions of each key for this long (ms of stream time). Excludes caching and ttlMs. */
  readonly historyRetentionMs?: number | undefined
  /** Forget rows not written for longer than this (ms of stream time). */
  readonly ttlMs?: number | undefined
  /** Secondary indexes of the committed rows for queries (keyValueStore has the same). Excludes historyRetentionMs and ttlMs. */
  readonly index?: StoreIndexSpec | readonly StoreIndexSpec[] | undefined
}

/** The store of a windowed table. */
export interface WindowMaterialized<K, V> extends Materialized<K, V> {
  /** How long a window is kept, in ms of stream time; at least window size plus grace (the default). */
  readonly retentionMs?: number | undefined
}

/** The capacity of a suppression, and what happens when it is full. */
export interface SuppressBuffer {
  /** Default: Infinity, no limit. */
  readonly maxRecords?: number | undefined
  /** Estimated bytes; default: Infinity, no limit. */
  readonly maxBytes?: number | undefined
  /** Default 'emit-early' with a time limit, 'shut-down' with windows: their results must not leave before they close. */
  readonly whenFull?: 'emit-early' | 'shut-down' | undefined
  /** Keep a changelog topic (default true). */
  readonly logging?: boolean | undefined
  readonly changelogConfig?: Readonly<Record<string, string>> | undefined
}

/**
 * Decides which changes of a table are held back. `window-closes`: only the final result of each window is sent, when stream time
 * has passed its end and grace. `time-limit`: at most one change per key is sent in `limitMs` of stream time.
 */
export type Suppressed = Named & { readonly buffer?: SuppressBuffer | undefined } & (
    | { readonly until: 'window-closes' }
    | { readonly until: 'time-limit'; readonly limitMs: number }
  )
