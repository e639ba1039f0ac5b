import type { Serde } from '../../state/ports/serde.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type { Windowed } from '../../state/ports/stores.ts'
import type { AsyncAnswers, AsyncCall, AsyncLimits } from '../async-call.ts'
import type { AsyncProcessor } from '../async-processor.ts'
import type { ValueTransformer } from '../operators/table-transform-values.ts'
import type { StreamPartitioner, TopicExtractor } from '../plan.ts'
import type { FixedKeyProcessor, Processor } from '../processor.ts'
import type { Sync, Unused } from '../sync.ts'
import type { EmitStrategy, JoinWindows, SessionWindows, SlidingWindows, TimeWindows } from '../windows.ts'
import type {
  Grouped,
  Named,
  Printed,
  Produced,
  Repartitioned,
  Suppressed,
  TableGrouped,
  TableMaterialized,
  WindowMaterialized,
} from './options.ts'

/*
 * The DSL as its users see it: the nouns of Kafka Streams and their operators. One file, since streams and tables turn
 * into each other. Keys and values may be null at run time where Kafka allows it; V is the type of values that
 * are there.
 */

/** A stream of independent records. */
export interface KStream<K, V> {
  /** Keeps the records for which the predicate holds. A predicate that guards the type of the value narrows the stream's. */
  filter<VR extends V>(predicate: (key: K, value: V) => value is VR, options?: Named): KStream<K, VR>
  filter(predicate: (key: K, value: V) => boolean, options?: Named): KStream<K, V>
  filterNot(predicate: (key: K, value: V) => boolean, options?: Named): KStream<K, V>
  /** Changes the key and keeps the value. Marks the stream for repartitioning. */
  selectKey<KR>(selector: (key: K, value: V) => Sync<KR>, options?: Named): KStream<KR, V>
  /** Changes key and value. Marks the stream for repartitioning. */
  map<KR, VR>(mapper: (key: K, value: V) => readonly [KR, VR], options?: Named): KStream<KR, VR>
  mapValues<VR>(mapper: (value: V, key: K) => Sync<VR>, options?: Named): KStream<K, VR>
  /** Makes any number of records of one. Marks the stream for repartitioning. */
  flatMap<KR, VR>(mapper: (key: K, value: V) => Iterable<readonly [KR, VR]>, options?: Named): KStream<KR, VR>
  flatMapValues<VR>(mapper: (value: V, key: K) => Iterable<VR>, options?: Named): KStream<K, VR>
  /** Calls the action with each record and passes the record on. */
  peek(action: (key: K, value: V) => Unused, options?: Named): KStream<K, V>
  /** Calls the action with each record; the stream ends here. */
  forEach(action: (key: K, value: V) => Unused, options?: Named): void
  /** Prints each record as a line, `[label]: key, value`; the stream ends here. For looking at a topology while writing it. */
  print(options?: Printed<K, V>): void
  /** Merges the records of both streams, interleaved as they come. */
  merge(other: KStream<K, V>, options?: Named): KStream<K, V>
  /** Sends each record to the first branch whose predicate holds. */
  split(options?: Named): BranchedKStream<K, V>
  /** Adds a Processor; it may change the key, so the stream is marked for repartitioning. */
  process<KR, VR>(supplier: () => Processor<K, V, KR, VR>, options?: ProcessOptions): KStream<KR, VR>
  /** Adds a Processor that keeps the key: forwarding another one throws. */
  processValues<VR>(supplier: () => FixedKeyProcessor<K, V, VR>, options?: ProcessOptions): KStream<K, VR>
  /**
   * Asks outside of the topology about each record, and goes on with the answer as the new value (docs/asynchronous-calls.md).
   * At least one call, exactly one effect: a record that is not answered is a row of a store, and after a crash or a rebalance exactly
   * these are asked about again. A call that fails for good goes to the processing exception handler. Kafka Streams has nothing like it.
   */
  mapAsync<VR>(
    call: (value: V, key: K, call: AsyncCall) => PromiseLike<VR> | VR,
    options: AsyncOptions<K, V, NoInfer<VR>>,
  ): KStream<K, VR>
  /** Works like mapAsync; the answer is any number of new values. */
  flatMapAsync<VR>(
    call: (value: V, key: K, call: AsyncCall) => PromiseLike<Iterable<VR>> | Iterable<VR>,
    options: AsyncOptions<K, V, readonly NoInfer<VR>[]>,
  ): KStream<K, VR>
  /**
   * Works like mapAsync, for an AsyncProcessor: one half asks, the other works with the answer and may use stores. It may change the key, so
   * the stream is marked for repartitioning.
   */
  processAsync<A, KR, VR>(
    supplier: () => AsyncProcessor<K, V, A, KR, VR>,
    options: AsyncOptions<K, V, NoInfer<A>> & Pick<ProcessOptions, 'stores'>,
  ): KStream<KR, VR>
  /** Sends the records through a repartition topic. Drops records with a null key. */
  repartition(options?: Repartitioned<K, V>): KStream<K, V>
  groupByKey(options?: Grouped<K, V>): KGroupedStream<K, V>
  /** Groups by a new key; the records go through a repartition topic. */
  groupBy<KR>(selector: (key: K, value: V) => Sync<KR>, options?: Grouped<NoInfer<KR>, V>): KGroupedStream<KR, V>
  /** Keeps the latest value per key; null deletes. */
  toTable(options?: TableOptions<K, NonNullable<V>>): KTable<K, NonNullable<V>>
  /** Joins records of both streams with the same key and timestamps within the window. */
  join<VO, VR>(
    other: KStream<K, VO>,
    options: StreamJoinOptions<K, NonNullable<V>, NonNullable<VO>, VR>,
  ): KStream<K, VR>
  /** Also sends records of this stream without a match, once their window is closed. */
  leftJoin<VO, VR>(
    other: KStream<K, VO>,
    options: StreamJoinOptions<K, NonNullable<V>, NonNullable<VO> | null, VR>,
  ): KStream<K, VR>
  /** Also sends records of either stream without a match, once their window is closed. */
  outerJoin<VO, VR>(
    other: KStream<K, VO>,
    options: StreamJoinOptions<K, NonNullable<V> | null, NonNullable<VO> | null, VR>,
  ): KStream<K, VR>
  /** Joins each record with the table's row of its key; drops records without a row. */
  joinTable<VT, VR>(table: KTable<K, VT>, options: StreamTableJoinOptions<K, NonNullable<V>, VT, VR>): KStream<K, VR>
  leftJoinTable<VT, VR>(
    table: KTable<K, VT>,
    options: StreamTableJoinOptions<K, NonNullable<V>, VT | null, VR>,
  ): KStream<K, VR>
  /** Joins each record with a row of the global table, under a key made from the record. */
  joinGlobal<KG, VG, VR>(
    table: GlobalKTable<KG, VG>,
    options: GlobalJoinOptions<K, NonNullable<V>, KG, VG, VR>,
  ): KStream<K, VR>
  leftJoinGlobal<KG, VG, VR>(
    table: GlobalKTable<KG, VG>,
    options: GlobalJoinOptions<K, NonNullable<V>, KG, VG | null, VR>,
  ): KStream<K, VR>
  /** Writes to a topic, or to the one the extractor chooses per record. Null values become tombstones. */
  to(topic: string | TopicExtractor<K, V>, options?: Produced<K, V>): void
}

export interface BranchedKStream<K, V> {
  /** The branch is named `<name of the split><name, or its number from 1>`. */
  branch(predicate: (key: K, value: V) => boolean, options?: Branched<K, V>): BranchedKStream<K, V>
  /** Takes the records that no branch took (number 0). Returns the branches by name. */
  defaultBranch(options?: Branched<K, V>): ReadonlyMap<string, KStream<K, V>>
  /** Drops records that no branch took. Returns the branches by name. */
  noDefaultBranch(): ReadonlyMap<string, KStream<K, V>>
}

export interface Branched<K, V> extends Named {
  /** Continues with the branch right here; a stream it returns stands for the branch in the map. */
  readonly chain?: ((stream: KStream<K, V>) => KStream<K, V> | undefined) | undefined
}

export interface StreamJoinOptions<K, V, VO, VR> extends Named {
  readonly joiner: (left: V, right: VO, key: K) => Sync<VR>
  readonly windows: JoinWindows
  /** Names the stores, `<storeName>-this-join-store` and so on. */
  readonly storeName?: string | undefined
  readonly keySerde?: Serde<K> | undefined
  readonly valueSerde?: Serde<NonNullable<V>> | undefined
  readonly otherValueSerde?: Serde<NonNullable<VO>> | undefined
  /** Keep changelog topics (default true). */
  readonly logging?: boolean | undefined
  readonly changelogConfig?: Readonly<Record<string, string>> | undefined
}

/** `name` names the operator and, if there is one, the repartition topic. */
export interface StreamTableJoinOptions<K, V, VT, VR> extends Named {
  readonly joiner: (left: V, right: VT, key: K) => Sync<VR>
  readonly keySerde?: Serde<K> | undefined
  readonly valueSerde?: Serde<V> | undefined
  /**
   * For versioned tables only: records wait this long (ms of stream time) for late changes of the table, in a store
   * `<name>-Buffer`.
   */
  readonly graceMs?: number | undefined
}

export interface GlobalJoinOptions<K, V, KG, VG, VR> extends Named {
  /** Key of the row to join with; null joins with no row. */
  readonly keySelector: (key: K, value: V) => KG | null
  readonly joiner: (left: V, right: VG, key: K) => Sync<VR>
}

/** A table whose rows all are on every instance. */
export interface GlobalKTable<K, V> {
  readonly queryableStoreName: string
  /** Has no value at run time: it carries the types. */
  readonly rows?: readonly [K, V] | undefined
}

export interface ProcessOptions extends Named {
  /** Stores the processor uses: names of stores added to the builder, or specs of its own. */
  readonly stores?: ReadonlyArray<string | StoreSpec> | undefined
}

/**
 * Options of calls. `name` is not optional: it names the node and the store of unanswered records, `<name>-calls`, which must have the
 * same name in the next version of the program. A is the type of answers, where they are recorded.
 */
export interface AsyncOptions<K, V, A = never> extends AsyncLimits {
  readonly name: string
  /** Serdes by which unanswered records are kept; default: those of the stream, then the builder's. */
  readonly keySerde?: Serde<K> | undefined
  readonly valueSerde?: Serde<NonNullable<V>> | undefined
  readonly changelogConfig?: Readonly<Record<string, string>> | undefined
  /** Records the answers, so that `replay` and `why` read them instead of calling again. Default: they are not recorded. */
  readonly answers?: AsyncAnswers<A> | undefined
}

/** A table: the latest value per key. V is the type of rows that exist. */
export interface KTable<K, V> {
  /** Name of the store that can be queried; null when the table has none under a given name. */
  readonly queryableStoreName: string | null
  filter<VR extends V>(predicate: (key: K, value: V) => value is VR, options?: TableOptions<K, V>): KTable<K, VR>
  filter(predicate: (key: K, value: V) => boolean, options?: TableOptions<K, V>): KTable<K, V>
  filterNot(predicate: (key: K, value: V) => boolean, options?: TableOptions<K, V>): KTable<K, V>
  /** Maps each row's value. A null result means that there is no row. */
  mapValues<VR>(
    mapper: (value: V, key: K) => Sync<VR>,
    options?: TableOptions<K, NoInfer<NonNullable<VR>>>,
  ): KTable<K, NonNullable<VR>>
  /** Like mapValues, with access to stores. Also called for deleted rows. */
  transformValues<VR>(
    supplier: () => ValueTransformer<K, V, VR>,
    options?: TableOptions<K, NoInfer<NonNullable<VR>>> & Pick<ProcessOptions, 'stores'>,
  ): KTable<K, NonNullable<VR>>
  /** Joins rows of both tables with the same key. A null result means that there is no row. */
  join<VO, VR>(other: KTable<K, VO>, options: TableJoinOptions<K, V, VO, VR>): KTable<K, NonNullable<VR>>
  leftJoin<VO, VR>(other: KTable<K, VO>, options: TableJoinOptions<K, V, VO | null, VR>): KTable<K, NonNullable<VR>>
  outerJoin<VO, VR>(
    other: KTable<K, VO>,
    options: TableJoinOptions<K, V | null, VO | null, VR>,
  ): KTable<K, NonNullable<VR>>
  /** Joins rows of this table with the row of the other one under a key taken from the value. */
  joinOnForeignKey<KO, VO, VR>(
    other: KTable<KO, VO>,
    options: ForeignKeyJoinOptions<K, V, KO, VO, VR>,
  ): KTable<K, NonNullable<VR>>
  leftJoinOnForeignKey<KO, VO, VR>(
    other: KTable<KO, VO>,
    options: ForeignKeyJoinOptions<K, V, KO, VO | null, VR>,
  ): KTable<K, NonNullable<VR>>
  /** Holds changes back: until windows close (final results only), or for a time. */
  suppress(suppressed: Suppressed): KTable<K, V>
  /**
   * Groups rows by a new key for an aggregate with adder and subtractor. Rows for which the selector gives null
   * (or a null key or value) are in no group. The changes go through a repartition topic.
   */
  groupBy<KR, VR>(
    selector: (key: K, value: V) => readonly [KR, VR] | null,
    options?: TableGrouped<NoInfer<NonNullable<KR>>, NoInfer<NonNullable<VR>>>,
  ): KGroupedTable<NonNullable<KR>, NonNullable<VR>>
  /** The changes of the table; null stands for a deleted row. */
  toStream(options?: Named): KStream<K, V | null>
}

export interface TableJoinOptions<K, V, VO, VR> extends Named {
  readonly joiner: (left: V, right: VO, key: K) => Sync<VR>
  /** Gives the result a store of its own. */
  readonly materialized?: TableMaterialized<K, NoInfer<NonNullable<VR>>> | undefined
}

export interface ForeignKeyJoinOptions<K, V, KO, VO, VR> extends Named {
  readonly foreignKeyExtractor: (value: V, key: K) => KO | null
  readonly joiner: (left: V, right: VO, key: K) => Sync<VR>
  /** Needed when this table's topic is not partitioned by the default. */
  readonly partitioner?: StreamPartitioner<K, V> | undefined
  /** Needed when the other table's topic is not partitioned by the default. */
  readonly otherPartitioner?: StreamPartitioner<KO, VO> | undefined
  readonly materialized?: TableMaterialized<K, NoInfer<NonNullable<VR>>> | undefined
}

export interface TableOptions<K, V> extends Named {
  /** Gives the result a store of its own; with a name it can be queried. */
  readonly materialized?: TableMaterialized<K, V> | undefined
}

/** A stream grouped by key, ready to be aggregated. Records with a null key or value do not take part. */
export interface KGroupedStream<K, V> {
  windowedBy(windows: TimeWindows | SlidingWindows): TimeWindowedKStream<K, V>
  windowedBySession(windows: SessionWindows): SessionWindowedKStream<K, V>
  /** Begins an aggregate that other grouped streams join; name its type: `cogroup<Profile>(...)`. */
  cogroup<A>(aggregator: (key: K, value: NonNullable<V>, aggregate: A) => A | null): CogroupedKStream<K, A>
  /** Counts the records per key. */
  count(options?: TableOptions<K, number>): KTable<K, number>
  /** Starts with the first value, then applies the reducer to aggregate and value. A null result deletes the row. */
  reduce(
    reducer: (aggregate: NonNullable<V>, value: NonNullable<V>) => V,
    options?: TableOptions<K, NonNullable<V>>,
  ): KTable<K, NonNullable<V>>
  /**
   * A null result of the aggregator deletes the row. A, the type of rows, is that of `materialized.valueSerde`, or
   * what the initializer makes.
   */
  aggregate<I, A = NonNullable<I>>(
    options: AggregateOptions<K, NonNullable<V>, I, A> & TableOptions<K, A>,
  ): KTable<K, A>
}

/** A grouped stream cut into tumbling, hopping or sliding windows. Values may be null (not in sliding windows). */
export interface TimeWindowedKStream<K, V> {
  /** Default: 'on-window-update'. */
  emitStrategy(strategy: EmitStrategy): TimeWindowedKStream<K, V>
  /**
   * Sends records that came too late for all of their windows to a topic. A record that some window accepted is in the results
   * already. Each missed window is counted: dropped_records_total{reason="late"}.
   */
  lateRecordsTo(topic: string, produced?: Produced<K, V>): TimeWindowedKStream<K, V>
  count(options?: WindowTableOptions<K, number>): KTable<Windowed<K>, number>
  reduce(
    reducer: (aggregate: NonNullable<V>, value: V) => V,
    options?: WindowTableOptions<K, NonNullable<V>>,
  ): KTable<Windowed<K>, NonNullable<V>>
  aggregate<I, A = NonNullable<I>>(
    options: AggregateOptions<K, V, I, A> & WindowTableOptions<K, A>,
  ): KTable<Windowed<K>, A>
}

/** A grouped stream cut into sessions. Values may be null. */
export interface SessionWindowedKStream<K, V> {
  /** Default: 'on-window-update'. */
  emitStrategy(strategy: EmitStrategy): SessionWindowedKStream<K, V>
  /** Sends records that came too late for a session to a topic; they are counted too. */
  lateRecordsTo(topic: string, produced?: Produced<K, V>): SessionWindowedKStream<K, V>
  count(options?: WindowTableOptions<K, number>): KTable<Windowed<K>, number>
  reduce(
    reducer: (aggregate: NonNullable<V>, value: V) => V,
    options?: WindowTableOptions<K, NonNullable<V>>,
  ): KTable<Windowed<K>, NonNullable<V>>
  aggregate<I, A = NonNullable<I>>(
    options: SessionAggregateOptions<K, V, I, A> & WindowTableOptions<K, A>,
  ): KTable<Windowed<K>, A>
}

export interface WindowTableOptions<K, V> extends Named {
  readonly materialized?: WindowMaterialized<K, V> | undefined
}

export interface SessionAggregateOptions<K, V, I, A> extends AggregateOptions<K, V, I, A> {
  /** Merges two sessions; `left` begins with the initial aggregate. */
  readonly merger: (key: K, left: A | I, right: A) => A | null
}

/** Grouped streams of different types that share one aggregate. */
export interface CogroupedKStream<K, A> {
  cogroup<V>(
    grouped: KGroupedStream<K, V>,
    aggregator: (key: K, value: NonNullable<V>, aggregate: A) => A | null,
  ): CogroupedKStream<K, A>
  aggregate(options: { readonly initializer: () => Sync<A> } & TableOptions<K, A>): KTable<K, A>
  windowedBy(windows: TimeWindows | SlidingWindows): TimeWindowedCogroupedKStream<K, A>
  windowedBySession(windows: SessionWindows): SessionWindowedCogroupedKStream<K, A>
}

export interface TimeWindowedCogroupedKStream<K, A> {
  aggregate(options: { readonly initializer: () => Sync<A> } & WindowTableOptions<K, A>): KTable<Windowed<K>, A>
}

export interface SessionWindowedCogroupedKStream<K, A> {
  aggregate(
    options: {
      readonly initializer: () => Sync<A>
      readonly merger: (key: K, left: A, right: A) => A | null
    } & WindowTableOptions<K, A>,
  ): KTable<Windowed<K>, A>
}

export interface AggregateOptions<K, V, I, A> {
  /** The aggregate before the first record. */
  readonly initializer: () => Sync<I>
  readonly aggregator: (key: K, value: V, aggregate: A | I) => A | null
}

/** A table grouped by a new key. */
export interface KGroupedTable<K, V> {
  count(options?: TableOptions<K, number>): KTable<K, number>
  reduce(options: TableReduceOptions<V> & TableOptions<K, V>): KTable<K, V>
  /** When a row changes, its old value is subtracted and its new one added. */
  aggregate<I, A = NonNullable<I>>(options: TableAggregateOptions<K, V, I, A> & TableOptions<K, A>): KTable<K, A>
}

export interface TableReduceOptions<V> {
  readonly adder: (aggregate: V, value: V) => V | null
  readonly subtractor: (aggregate: V, value: V) => V | null
}

export interface TableAggregateOptions<K, V, I, A> {
  /** The aggregate that the first value of a group is added to. */
  readonly initializer: () => Sync<I>
  readonly adder: (key: K, value: V, aggregate: A | I) => A | null
  readonly subtractor: (key: K, value: V, aggregate: A) => A | null
}
