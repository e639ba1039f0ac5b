import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { Serde } from '../../state/ports/serde.ts'
import { aFunction, windowsOf, withFunctions } from '../given.ts'
import { aggregateFold, type Fold, reduceFold, StreamAggregate } from '../operators/stream-aggregate.ts'
import { int64Serde } from '../serdes.ts'
import type { SessionWindows, SlidingWindows, TimeWindows } from '../windows.ts'
import { CogroupedKStreamImpl, type MemberOf } from './cogrouped-stream.ts'
import type { GroupedStreamHandle } from './dsl.ts'
import { Handled } from './handled.ts'
import { StreamAggregation } from './stream-aggregation.ts'
import { materializeTable } from './table-materialization.ts'
import type {
  AggregateOptions,
  CogroupedKStream,
  KGroupedStream,
  KTable,
  SessionWindowedKStream,
  TableOptions,
  TimeWindowedKStream,
} from './types.ts'
import { SessionWindowedKStreamImpl, TimeWindowedKStreamImpl } from './windowed-stream.ts'

const AGGREGATE = 'KSTREAM-AGGREGATE-'
const REDUCE = 'KSTREAM-REDUCE-'

export class KGroupedStreamImpl<K, V> extends Handled<GroupedStreamHandle<K, V>> implements KGroupedStream<K, V> {
  readonly #aggregation: StreamAggregation<K, V>

  constructor(handle: GroupedStreamHandle<K, V>) {
    super(handle)
    this.#aggregation = new StreamAggregation(handle)
  }

  windowedBy(windows: TimeWindows | SlidingWindows): TimeWindowedKStream<K, V> {
    windowsOf('windowedBy()', windows, ['time', 'sliding'], 'timeWindows() or slidingWindows()')
    const { handle: grouped } = this
    const aggregation = this.#aggregation
    return new TimeWindowedKStreamImpl({ grouped, aggregation, windows, emit: 'on-window-update', late: undefined })
  }

  windowedBySession(windows: SessionWindows): SessionWindowedKStream<K, V> {
    windowsOf('windowedBySession()', windows, ['session'], 'sessionWindows()')
    const { handle: grouped } = this
    const aggregation = this.#aggregation
    return new SessionWindowedKStreamImpl({ grouped, aggregation, windows, emit: 'on-window-update', late: undefined })
  }

  cogroup<A>(aggregator: (key: K, value: NonNullable<V>, aggregate: A) => A | null): CogroupedKStream<K, A> {
    const memberOf: MemberOf<K, A> = (grouped, add) => {
      if (!(grouped instanceof KGroupedStreamImpl) || grouped.handle.dsl !== this.handle.dsl)
        throw new StreamsTopologyError('the other grouped stream was made by another StreamsBuilder')
      aFunction('the aggregator of cogroup()', add)
      return {
        grouped: grouped.handle,
        aggregation: grouped.#aggregation,
        aggregator: (key, value, aggregate) => add(key, value as Parameters<typeof add>[1], aggregate),
      }
    }
    return new CogroupedKStreamImpl<K, A>([memberOf<V>(this, aggregator)], memberOf)
  }

  count(options: TableOptions<K, number> = {}): KTable<K, number> {
    // Kafka Streams takes one more number when options are given without a store name.
    if (options.materialized !== undefined && options.materialized.name === undefined)
      this.handle.dsl.graph.names.store(AGGREGATE)
    const fold = aggregateFold<K, NonNullable<V>, number, number>(
      () => 0,
      (_key, _value, count) => count + 1,
    )
    return this.#aggregate(fold, options, { prefix: AGGREGATE, valueSerde: int64Serde })
  }

  reduce(
    reducer: (aggregate: NonNullable<V>, value: NonNullable<V>) => V,
    options: TableOptions<K, NonNullable<V>> = {},
  ): KTable<K, NonNullable<V>> {
    aFunction('the reducer of reduce()', reducer)
    const fold = reduceFold<K, NonNullable<V>>((aggregate, value) => reducer(aggregate, value) ?? null)
    const valueSerde = this.handle.valueSerde as Serde<NonNullable<V>> | undefined
    return this.#aggregate(fold, options, { prefix: REDUCE, valueSerde })
  }

  aggregate<I, A = NonNullable<I>>(
    options: AggregateOptions<K, NonNullable<V>, I, A> & TableOptions<K, A>,
  ): KTable<K, A> {
    withFunctions('aggregate()', options, 'initializer', 'aggregator')
    const fold = aggregateFold<K, NonNullable<V>, A | I, A>(options.initializer, options.aggregator)
    return this.#aggregate<A>(fold, options, { prefix: AGGREGATE, valueSerde: undefined })
  }

  #aggregate<A>(
    fold: Fold<K, NonNullable<V>, A>,
    options: TableOptions<K, A>,
    names: { readonly prefix: string; readonly valueSerde: Serde<A> | undefined },
  ): KTable<K, A> {
    const { graph } = this.handle.dsl
    const { prefix, valueSerde } = names
    const inherited = { keySerde: this.handle.keySerde, valueSerde }
    const { store, queryableStoreName, serdes, spec } = materializeTable<K, A>({
      graph,
      materialized: options.materialized,
      prefix,
      inherited,
    })
    return this.#aggregation.build<K, A>({
      name: graph.names.orElse(options.name, prefix),
      storeName: store.name,
      spec,
      queryableStoreName,
      operator: new StreamAggregate<K, V, A>(store, fold as Fold<K, V, A>),
      ...serdes,
      graphNode: { versioned: store.versioned },
    })
  }
}
