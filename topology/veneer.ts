import { addDecimals } from './decimal.ts'
import type { KGroupedStream, KStream } from './dsl/types.ts'
import type { RecordCheck } from './plan.ts'
import { jsonSerde, stringSerde } from './serdes.ts'
import { StreamsBuilder } from './streams-builder.ts'
import type { Sync } from './sync.ts'
import type { Topology } from './topology.ts'

/*
 * A thin layer over the DSL for jobs of one line: JSON values, string keys, groups and sums by field name.
 *
 *     streams()
 *       .from<TripCompleted>('trip.completed')
 *       .map((trip) => ({ hour: hourOf(trip), fare: trip.data.finalFare }))
 *       .groupByKey('hour')
 *       .sum('fare')
 *       .to('analytics.hourly_revenue')
 *       .build()
 *
 * writes {"hour": "...", "fare": 1234.5} under the key of the hour. Sums are exact in decimal. Records with a null
 * value, and records without the field they are grouped by, are left out. Stores and internal topics get names made of the
 * fields (`sum-of-fare-by-hour`); give a name where two would be the same.
 */
export function streams(): Streams {
  const builder = new StreamsBuilder({ ensureExplicitInternalResourceNaming: true })
  const self: Streams = {
    from: <T extends object>(topic: string | readonly string[], options: { readonly check?: RecordCheck } = {}) => {
      const source = builder.stream<string, T | null>(topic, {
        keySerde: stringSerde,
        valueSerde: jsonSerde<T | null>(),
        check: options.check,
      })
      return flow(self, source.filter((_key, value) => value !== null) as KStream<string, T>)
    },
    build: () => builder.build(),
  }
  return self
}

export interface Streams {
  /** The records of one or several topics; T is what their JSON is trusted (or checked) to be. */
  from<T extends object>(topic: string | readonly string[], options?: { readonly check?: RecordCheck }): Flow<T>
  build(): Topology
}

/** A stream of JSON objects. */
export interface Flow<T extends object> {
  map<R extends object>(mapper: (value: T, key: string) => Sync<R>): Flow<R>
  filter(predicate: (value: T, key: string) => boolean): Flow<T>
  /** Groups by the text of a field. */
  groupByKey<F extends keyof T & string>(field: F): GroupedFlow<T, F>
  /** Writes to a topic. */
  to(topic: string): Streams
}

/** Objects grouped by the field F. */
export interface GroupedFlow<T extends object, F extends string> {
  /** The exact sum of a numeric field; objects without it count as 0. */
  sum<S extends keyof T & string>(
    field: S,
    options?: { readonly name?: string },
  ): Flow<Record<F, string> & Record<S, number>>
  /** The number of objects, as field `count`. */
  count(options?: { readonly name?: string }): Flow<Record<F, string> & Record<'count', number>>
}

function flow<T extends object>(origin: Streams, stream: KStream<string, T>): Flow<T> {
  return {
    map: <R extends object>(mapper: (value: T, key: string) => Sync<R>) => flow<R>(origin, stream.mapValues<R>(mapper)),
    filter: (predicate) =>
      flow(
        origin,
        stream.filter((key, value) => predicate(value, key)),
      ),
    groupByKey: <F extends keyof T & string>(field: F) => groupedFlow<T, F>(origin, stream, field),
    to(topic) {
      stream.to(topic, { keySerde: stringSerde, valueSerde: jsonSerde<T>() })
      return origin
    },
  }
}

function groupedFlow<T extends object, F extends keyof T & string>(
  origin: Streams,
  stream: KStream<string, T>,
  by: F,
): GroupedFlow<T, F> {
  const group = (name: string): KGroupedStream<string, T> =>
    stream.groupBy((_key, value) => textOf(value[by]) as string, {
      name,
      keySerde: stringSerde,
      valueSerde: jsonSerde<T>(),
    })
  return {
    sum<S extends keyof T & string>(field: S, { name = `sum-of-${field}-by-${by}` } = {}) {
      const sums = group(name).aggregate({
        initializer: () => '0',
        aggregator: (_key, value, sum) => addDecimals(sum, numberOf(value[field])),
        materialized: { name, keySerde: stringSerde, valueSerde: stringSerde },
      })
      const rows = sums.toStream().mapValues((sum, key) => ({ [by]: key, [field]: Number(sum) }))
      return flow(origin, rows as unknown as KStream<string, Record<F, string> & Record<S, number>>)
    },
    count({ name = `count-by-${by}` } = {}) {
      const counts = group(name).count({ materialized: { name, keySerde: stringSerde } })
      const rows = counts.toStream().mapValues((count, key) => ({ [by]: key, count }))
      return flow(origin, rows as unknown as KStream<string, Record<F, string> & Record<'count', number>>)
    },
  }
}

/** Null for what cannot be a group: such records are dropped. */
function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value)
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
