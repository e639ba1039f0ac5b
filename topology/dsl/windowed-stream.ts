import type { Serde } from '../../state/ports/serde.ts'
import type { Windowed } from '../../state/ports/stores.ts'
import type { TableOperator } from '../operators/table-operator.ts'
import { reducingFold, type SessionFold, sessionFold, type WindowFold, windowFold } from '../operators/window-fold.ts'
import { sessionAggregate, type WindowedTableOptions, windowAggregate } from '../operators/windowed-table.ts'
import { int64Serde } from '../serdes.ts'
import { sessionWindowedSerde, timeWindowedSerde } from '../windowed-serdes.ts'
import {
  type EmitStrategy,
  type SessionWindows,
  type SlidingWindows,
  type TimeWindows,
  windowSize,
} from '../windows.ts'
import type { GroupedStreamHandle } from './dsl.ts'
import type { Produced } from './options.ts'
import { type LateTopic, lateChildName, type StreamAggregation } from './stream-aggregation.ts'
import type {
  AggregateOptions,
  KTable,
  SessionAggregateOptions,
  SessionWindowedKStream,
  TimeWindowedKStream,
  WindowTableOptions,
} from './types.ts'
import { closeDelay, materializeWindows, windowFinality } from './window-materialization.ts'

const AGGREGATE = 'KSTREAM-AGGREGATE-'
const REDUCE = 'KSTREAM-REDUCE-'

type AnyWindows = TimeWindows | SlidingWindows | SessionWindows

/** A grouped stream with its windows, and the ways of its results and late records. */
export interface WindowedHandle<K, V, W extends AnyWindows> {
  readonly grouped: GroupedStreamHandle<K, V>
  readonly aggregation: StreamAggregation<K, V>
  readonly windows: W
  readonly emit: EmitStrategy
  readonly late: LateTopic<K, V> | undefined
}

interface BuildOptions<K, V, A> {
  readonly prefix: string
  readonly valueSerde: Serde<A> | undefined
  readonly operator: (options: WindowedTableOptions) => TableOperator<K, V, Windowed<K>, A>
  readonly table: WindowTableOptions<K, A>
}

/** The common part of both kinds of windowed streams. */
abstract class WindowedStream<K, V, W extends AnyWindows> {
  protected readonly windowed: WindowedHandle<K, V, W>

  constructor(windowed: WindowedHandle<K, V, W>) {
    this.windowed = windowed
  }

  protected build<A>(options: BuildOptions<K, V, A>): KTable<Windowed<K>, A> {
    const { grouped, aggregation, windows, emit, late } = this.windowed
    const { graph } = grouped.dsl
    const { storeName, caching, queryableStoreName, serdes, spec } = materializeWindows<K, A>({
      graph,
      materialized: options.table.materialized,
      prefix: options.prefix,
      inherited: { keySerde: grouped.keySerde, valueSerde: options.valueSerde },
      windows,
      emit,
    })
    const name = graph.names.orElse(options.table.name, options.prefix)
    const lateChild = late === undefined ? undefined : lateChildName(name)
    const emitsFinal = emit === 'on-window-close'
    const finality = windowFinality(emitsFinal)
    const keySerde = serdes.keySerde ?? (graph.defaults.keySerde as Serde<K> | undefined)
    return aggregation.build<Windowed<K>, A>({
      name,
      storeName,
      spec,
      queryableStoreName,
      operator: options.operator({ storeName, caching, emit, lateChild, closes: finality.closes }),
      keySerde: keySerde === undefined ? undefined : windowedSerde(windows, keySerde),
      valueSerde: serdes.valueSerde,
      late,
      emitsFinal,
      graphNode: {
        versioned: false,
        windowCloseDelayMs: closeDelay(windows),
        onFinalBelow: finality.onFinalBelow,
      },
    })
  }

  /** Kafka Streams takes one more number when a count has options without a store name (not for sliding windows). */
  protected countOptions(options: WindowTableOptions<K, number>): WindowTableOptions<K, number> {
    const { grouped, windows } = this.windowed
    if (windows.kind !== 'sliding' && options.materialized !== undefined && options.materialized.name === undefined)
      grouped.dsl.graph.names.store(AGGREGATE)
    return options
  }
}

export class TimeWindowedKStreamImpl<K, V>
  extends WindowedStream<K, V, TimeWindows | SlidingWindows>
  implements TimeWindowedKStream<K, V>
{
  emitStrategy(emit: EmitStrategy): TimeWindowedKStream<K, V> {
    return new TimeWindowedKStreamImpl({ ...this.windowed, emit })
  }

  lateRecordsTo(topic: string, produced: Produced<K, V> = {}): TimeWindowedKStream<K, V> {
    return new TimeWindowedKStreamImpl({ ...this.windowed, late: { topic, produced } })
  }

  count(options: WindowTableOptions<K, number> = {}): KTable<Windowed<K>, number> {
    const fold = windowFold<K, V, number, number>({
      initializer: () => 0,
      aggregator: (_key, _value, count) => count + 1,
    })
    return this.#aggregate(fold, this.countOptions(options), { prefix: AGGREGATE, valueSerde: int64Serde })
  }

  reduce(
    reducer: (aggregate: NonNullable<V>, value: V) => V,
    options: WindowTableOptions<K, NonNullable<V>> = {},
  ): KTable<Windowed<K>, NonNullable<V>> {
    const fold = reducingFold<K, V>((aggregate, value) => reducer(aggregate as NonNullable<V>, value))
    return this.#aggregate(fold as WindowFold<K, V, NonNullable<V>>, options, {
      prefix: REDUCE,
      valueSerde: this.windowed.grouped.valueSerde as Serde<NonNullable<V>> | undefined,
    })
  }

  aggregate<I, A = NonNullable<I>>(
    options: AggregateOptions<K, V, I, A> & WindowTableOptions<K, A>,
  ): KTable<Windowed<K>, A> {
    return this.#aggregate(windowFold<K, V, I, A>(options), options, { prefix: AGGREGATE, valueSerde: undefined })
  }

  #aggregate<A>(
    fold: WindowFold<K, V, A>,
    table: WindowTableOptions<K, A>,
    defaults: { readonly prefix: string; readonly valueSerde: Serde<A> | undefined },
  ): KTable<Windowed<K>, A> {
    const { windows } = this.windowed
    return this.build<A>({ ...defaults, table, operator: (options) => windowAggregate(windows, fold, options) })
  }
}

export class SessionWindowedKStreamImpl<K, V>
  extends WindowedStream<K, V, SessionWindows>
  implements SessionWindowedKStream<K, V>
{
  emitStrategy(emit: EmitStrategy): SessionWindowedKStream<K, V> {
    return new SessionWindowedKStreamImpl({ ...this.windowed, emit })
  }

  lateRecordsTo(topic: string, produced: Produced<K, V> = {}): SessionWindowedKStream<K, V> {
    return new SessionWindowedKStreamImpl({ ...this.windowed, late: { topic, produced } })
  }

  count(options: WindowTableOptions<K, number> = {}): KTable<Windowed<K>, number> {
    const fold = sessionFold<K, V, number, number>({
      initializer: () => 0,
      aggregator: (_key, _value, count) => count + 1,
      merger: (_key, left, right) => left + right,
    })
    return this.#aggregate(fold, this.countOptions(options), { prefix: AGGREGATE, valueSerde: int64Serde })
  }

  reduce(
    reducer: (aggregate: NonNullable<V>, value: V) => V,
    options: WindowTableOptions<K, NonNullable<V>> = {},
  ): KTable<Windowed<K>, NonNullable<V>> {
    const fold = reducingFold<K, V>((aggregate, value) => reducer(aggregate as NonNullable<V>, value))
    return this.#aggregate(fold as SessionFold<K, V, NonNullable<V>>, options, {
      prefix: REDUCE,
      valueSerde: this.windowed.grouped.valueSerde as Serde<NonNullable<V>> | undefined,
    })
  }

  aggregate<I, A = NonNullable<I>>(
    options: SessionAggregateOptions<K, V, I, A> & WindowTableOptions<K, A>,
  ): KTable<Windowed<K>, A> {
    return this.#aggregate(sessionFold<K, V, I, A>(options), options, { prefix: AGGREGATE, valueSerde: undefined })
  }

  #aggregate<A>(
    fold: SessionFold<K, V, A>,
    table: WindowTableOptions<K, A>,
    defaults: { readonly prefix: string; readonly valueSerde: Serde<A> | undefined },
  ): KTable<Windowed<K>, A> {
    const { windows } = this.windowed
    return this.build<A>({ ...defaults, table, operator: (options) => sessionAggregate(windows, fold, options) })
  }
}

/** Serde of the keys of a windowed table. */
export function windowedSerde<K>(windows: AnyWindows, keySerde: Serde<K>): Serde<Windowed<K>> {
  return windows.kind === 'session' ? sessionWindowedSerde(keySerde) : timeWindowedSerde(keySerde, windowSize(windows))
}
