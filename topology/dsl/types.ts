import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type { TopicExtractor } from '../plan.ts'
import type { FixedKeyProcessor, Processor } from '../processor.ts'
import type { Grouped, Named, Produced, Repartitioned, TableMaterialized } from './options.ts'

/*
 * The DSL as its users see it: the nouns of Kafka Streams and their operators. One file, since streams and tables turn
 * into each other. Keys and values may be null at run time where Kafka allows it; V is the type of values that
 * are there.
 */

/** A stream of independent records. */
export interface KStream<K, V> {
  /** Records for which the predicate holds. */
  filter(predicate: (key: K, value: V) => boolean, options?: Named): KStream<K, V>
  filterNot(predicate: (key: K, value: V) => boolean, options?: Named): KStream<K, V>
  /** New key, same value. Marks the stream for repartitioning. */
  selectKey<KR>(selector: (key: K, value: V) => KR, options?: Named): KStream<KR, V>
  /** New key and value. Marks the stream for repartitioning. */
  map<KR, VR>(mapper: (key: K, value: V) => readonly [KR, VR], options?: Named): KStream<KR, VR>
  mapValues<VR>(mapper: (value: V, key: K) => VR, options?: Named): KStream<K, VR>
  /** Any number of records per record. Marks the stream for repartitioning. */
  flatMap<KR, VR>(mapper: (key: K, value: V) => Iterable<readonly [KR, VR]>, options?: Named): KStream<KR, VR>
  flatMapValues<VR>(mapper: (value: V, key: K) => Iterable<VR>, options?: Named): KStream<K, VR>
  /** Looks at each record on its way. */
  peek(action: (key: K, value: V) => void, options?: Named): KStream<K, V>
  /** Looks at each record at the end of its way. */
  forEach(action: (key: K, value: V) => void, options?: Named): void
  /** The records of both streams, interleaved as they come. */
  merge(other: KStream<K, V>, options?: Named): KStream<K, V>
  /** A Processor; it may change the key, so the stream is marked for repartitioning. */
  process<KR, VR>(supplier: () => Processor<K, V, KR, VR>, options?: ProcessOptions): KStream<KR, VR>
  /** A Processor that keeps the key: forwarding another one throws. */
  processValues<VR>(supplier: () => FixedKeyProcessor<K, V, VR>, options?: ProcessOptions): KStream<K, VR>
  /** Through a topic of its own, partitioned by key. Records with a null key are dropped. */
  repartition(options?: Repartitioned<K, V>): KStream<K, V>
  groupByKey(options?: Grouped<K, V>): KGroupedStream<K, V>
  /** Groups by a new key; the records go through a repartition topic. */
  groupBy<KR>(selector: (key: K, value: V) => KR, options?: Grouped<NoInfer<KR>, V>): KGroupedStream<KR, V>
  /** The latest value per key; null deletes. */
  toTable(options?: TableOptions<K, NonNullable<V>>): KTable<K, NonNullable<V>>
  /** Writes to a topic, or to the one the extractor chooses per record. Null values become tombstones. */
  to(topic: string | TopicExtractor<K, V>, options?: Produced<K, V>): void
}

export interface ProcessOptions extends Named {
  /** Stores the processor uses: names of stores added to the builder, or specs of its own. */
  readonly stores?: ReadonlyArray<string | StoreSpec> | undefined
}

/** A table: the latest value per key. V is the type of rows that exist. */
export interface KTable<K, V> {
  /** Name of the store that can be queried; null when the table has none under a given name. */
  readonly queryableStoreName: string | null
  filter(predicate: (key: K, value: V) => boolean, options?: TableOptions<K, V>): KTable<K, V>
  filterNot(predicate: (key: K, value: V) => boolean, options?: TableOptions<K, V>): KTable<K, V>
  /** A null result means: no such row. */
  mapValues<VR>(
    mapper: (value: V, key: K) => VR,
    options?: TableOptions<K, NoInfer<NonNullable<VR>>>,
  ): KTable<K, NonNullable<VR>>
  /**
   * Groups rows by a new key for an aggregate with adder and subtractor. Rows for which the selector gives null
   * (or a null key or value) are in no group. The changes go through a repartition topic.
   */
  groupBy<KR, VR>(
    selector: (key: K, value: V) => readonly [KR, VR] | null,
    options?: Grouped<NoInfer<NonNullable<KR>>, NoInfer<NonNullable<VR>>>,
  ): KGroupedTable<NonNullable<KR>, NonNullable<VR>>
  /** The changes of the table; null stands for a deleted row. */
  toStream(options?: Named): KStream<K, V | null>
}

export interface TableOptions<K, V> extends Named {
  /** Give the result a store of its own; with a name it can be queried. */
  readonly materialized?: TableMaterialized<K, V> | undefined
}

/** A stream grouped by key, ready to be aggregated. Records with a null key or value do not take part. */
export interface KGroupedStream<K, V> {
  /** Number of records per key. */
  count(options?: TableOptions<K, number>): KTable<K, number>
  /** The first value, then the reducer over aggregate and value. A null result deletes the row. */
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

export interface AggregateOptions<K, V, I, A> {
  /** The aggregate before the first record. */
  readonly initializer: () => I
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
  readonly initializer: () => I
  readonly adder: (key: K, value: V, aggregate: A | I) => A | null
  readonly subtractor: (key: K, value: V, aggregate: A) => A | null
}
