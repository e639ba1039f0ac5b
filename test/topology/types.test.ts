import { describe, expectTypeOf, it } from 'vitest'
import type { Windowed } from '../../state/ports/stores.ts'
import {
  type GlobalKTable,
  joinWindows,
  type KGroupedTable,
  type KStream,
  type KTable,
  type Serde,
  StreamsBuilder,
  serdes,
  sessionWindows,
  timeWindows,
} from '../../topology/index.ts'

interface Trip {
  readonly hour: string
  readonly fare: number
}
const trips = { keySerde: serdes.string, valueSerde: serdes.json<Trip>() }
const builder = new StreamsBuilder()
const stream = builder.stream('trips', trips)
const table = builder.table('table', { keySerde: serdes.int32, valueSerde: serdes.json<Trip>() })

/* Checked by tsc: the bodies only have to compile. */
describe('types flow through the DSL', () => {
  it('sources take their types from the serdes', () => {
    expectTypeOf(stream).toEqualTypeOf<KStream<string, Trip>>()
    expectTypeOf(table).toEqualTypeOf<KTable<number, Trip>>()
    expectTypeOf(builder.globalTable('g', trips)).toEqualTypeOf<GlobalKTable<string, Trip>>()
    expectTypeOf(builder.stream<string, Trip | null>('nullable', trips)).toEqualTypeOf<KStream<string, Trip | null>>()
  })

  it('stateless steps change them as their functions do', () => {
    expectTypeOf(stream.mapValues((trip) => trip.fare)).toEqualTypeOf<KStream<string, number>>()
    expectTypeOf(stream.map((key, trip) => [trip.fare, key])).toEqualTypeOf<KStream<number, string>>()
    expectTypeOf(stream.selectKey((_key, trip) => trip.hour.length)).toEqualTypeOf<KStream<number, Trip>>()
    expectTypeOf(stream.flatMap((key, trip) => [[trip.fare, key] as const])).toEqualTypeOf<KStream<number, string>>()
    expectTypeOf(stream.flatMapValues((trip) => [trip.hour])).toEqualTypeOf<KStream<string, string>>()
    expectTypeOf(stream.filter((key, trip) => key === trip.hour)).toEqualTypeOf<KStream<string, Trip>>()
  })

  it('sources without serdes of their own have the types of the default serdes', () => {
    const defaults = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.json<Trip>() })
    expectTypeOf(defaults.stream('trips')).toEqualTypeOf<KStream<string, Trip>>()
    expectTypeOf(defaults.stream(/trips-.*/)).toEqualTypeOf<KStream<string, Trip>>()
    expectTypeOf(defaults.table('rows')).toEqualTypeOf<KTable<string, Trip>>()
    expectTypeOf(defaults.globalTable('all')).toEqualTypeOf<GlobalKTable<string, Trip>>()
    expectTypeOf(defaults.stream('fares', { valueSerde: serdes.float64 })).toEqualTypeOf<KStream<string, number>>()
    expectTypeOf(new StreamsBuilder().stream('bytes')).toEqualTypeOf<KStream<unknown, unknown>>()
  })

  it('a predicate that guards a type narrows it', () => {
    const values = builder.stream<string, Trip | null>('values', trips)
    expectTypeOf(values.filter((_key, trip) => trip !== null)).toEqualTypeOf<KStream<string, Trip>>()
    expectTypeOf(values.filterNot((_key, trip) => trip === null)).toEqualTypeOf<KStream<string, Trip | null>>()
    interface Late extends Trip {
      readonly late: true
    }
    const isLate = (_key: number, trip: Trip): trip is Late => 'late' in trip
    expectTypeOf(table.filter(isLate)).toEqualTypeOf<KTable<number, Late>>()
  })

  it('partitioners have the types of keys and values, and get null where a value may be missing', () => {
    stream.to('out', {
      partitioner: (_topic, key, trip, count) => {
        expectTypeOf(key).toEqualTypeOf<string>()
        expectTypeOf(trip).toEqualTypeOf<Trip | null>()
        return count - 1
      },
    })
    // @ts-expect-error a trip has no such field
    stream.to('out', { partitioner: (_topic, _key, trip) => trip?.colour })
    // @ts-expect-error a partition is no text
    stream.repartition({ partitioner: () => 'first' })
  })

  it('tables do not contain null rows', () => {
    expectTypeOf(table.toStream()).toEqualTypeOf<KStream<number, Trip | null>>()
    expectTypeOf(table.mapValues((trip) => (trip.fare > 0 ? trip.hour : null))).toEqualTypeOf<KTable<number, string>>()
    expectTypeOf(table.groupBy((_key, trip) => [trip.hour, trip.fare])).toEqualTypeOf<KGroupedTable<string, number>>()
    expectTypeOf(table.groupBy((_key, trip) => (trip.fare > 0 ? [trip.hour, trip.fare] : null))).toEqualTypeOf<
      KGroupedTable<string, number>
    >()
    expectTypeOf(stream.mapValues((trip) => (trip.fare > 0 ? trip : null)).toTable()).toEqualTypeOf<
      KTable<string, Trip>
    >()
  })

  it('aggregates take the row type from the store, else from the initializer', () => {
    const grouped = stream.groupByKey()
    expectTypeOf(grouped.count()).toEqualTypeOf<KTable<string, number>>()
    expectTypeOf(grouped.reduce((a, b) => (a.fare > b.fare ? a : b))).toEqualTypeOf<KTable<string, Trip>>()
    expectTypeOf(
      grouped.aggregate({ initializer: () => 0, aggregator: (_key, trip, sum) => sum + trip.fare }),
    ).toEqualTypeOf<KTable<string, number>>()
    expectTypeOf(
      grouped.aggregate({
        initializer: () => null,
        aggregator: (_key, trip, best) => (best === null || trip.fare > best.fare ? trip : best),
        materialized: { valueSerde: serdes.json<Trip>() },
      }),
    ).toEqualTypeOf<KTable<string, Trip>>()
    expectTypeOf(
      grouped.windowedBy(timeWindows({ sizeMs: 1 })).aggregate({
        initializer: () => '',
        aggregator: (key, trip, text) => text + key + trip.hour,
      }),
    ).toEqualTypeOf<KTable<Windowed<string>, string>>()
    expectTypeOf(
      grouped.windowedBySession(sessionWindows({ inactivityGapMs: 1 })).aggregate({
        initializer: () => 0,
        aggregator: (_key, _trip, count) => count + 1,
        merger: (_key, left, right) => left + right,
      }),
    ).toEqualTypeOf<KTable<Windowed<string>, number>>()
    expectTypeOf(
      grouped
        .cogroup<number>((_key, trip, sum) => sum + trip.fare)
        .cogroup(
          builder.stream('texts', { keySerde: serdes.string, valueSerde: serdes.string }).groupByKey(),
          (_key, text, sum) => sum + text.length,
        )
        .aggregate({ initializer: () => 0 }),
    ).toEqualTypeOf<KTable<string, number>>()
  })

  it('joins allow null for a side that may be missing', () => {
    const other = builder.stream('other', { keySerde: serdes.string, valueSerde: serdes.int32 })
    const windows = joinWindows({ timeDifferenceMs: 1 })
    stream.join(other, { windows, joiner: (l, r, k) => check<[Trip, number, string]>([l, r, k]) })
    stream.leftJoin(other, { windows, joiner: (l, r) => check<[Trip, number | null]>([l, r]) })
    stream.outerJoin(other, { windows, joiner: (l, r) => check<[Trip | null, number | null]>([l, r]) })
    const rows = builder.table('rows', { keySerde: serdes.string, valueSerde: serdes.int32 })
    stream.joinTable(rows, { joiner: (l, r) => check<[Trip, number]>([l, r]) })
    stream.leftJoinTable(rows, { joiner: (l, r) => check<[Trip, number | null]>([l, r]) })
    expectTypeOf(rows.join(rows, { joiner: (l, r) => `${l + r}` })).toEqualTypeOf<KTable<string, string>>()
    expectTypeOf(rows.outerJoin(rows, { joiner: (l, r) => l ?? r })).toEqualTypeOf<KTable<string, number>>()
    expectTypeOf(
      table.joinOnForeignKey(rows, { foreignKeyExtractor: (trip) => trip.hour, joiner: (l, r) => l.fare + r }),
    ).toEqualTypeOf<KTable<number, number>>()
    stream.joinGlobal(builder.globalTable('global', { keySerde: serdes.int32, valueSerde: serdes.string }), {
      keySelector: (_key, trip) => trip.fare,
      joiner: (l, r) => check<[Trip, string]>([l, r]),
    })
  })

  it('code of wrong types does not compile', () => {
    // @ts-expect-error a serde of another type
    stream.to('out', { valueSerde: serdes.int64 })
    // @ts-expect-error other keys
    builder.stream('a', trips).merge(builder.stream('b', { keySerde: serdes.int32, valueSerde: serdes.json<Trip>() }))
    const numbers = { valueSerde: serdes.int64 }
    // @ts-expect-error the store keeps numbers
    stream.groupByKey().aggregate({ initializer: () => 0, aggregator: () => 'text', materialized: numbers })
    // @ts-expect-error tables join by the same key
    table.join(builder.table('t', { keySerde: serdes.string, valueSerde: serdes.int32 }), { joiner: () => 1 })
    expectTypeOf<Serde<string>>().not.toEqualTypeOf<Serde<number>>()
  })

  it('an async callback does not compile', () => {
    // @ts-expect-error a promise is no value
    stream.mapValues(async ({ fare }) => fare)
    // @ts-expect-error nor a key
    stream.selectKey(async (_key, { hour }) => hour)
    // @ts-expect-error nor a group
    stream.groupBy(async (_key, { hour }) => hour)
    // @ts-expect-error nor an answer
    stream.filter(async () => true)
    // @ts-expect-error nor a pair
    stream.map(async (key, value) => [key, value] as const)
    // @ts-expect-error nobody waits for an action
    stream.peek(async () => undefined)
    // @ts-expect-error nor for the last one
    stream.forEach(async () => undefined)
    // @ts-expect-error nor for an initial value
    stream.groupByKey().aggregate({ initializer: async () => 0, aggregator: () => 1 })
    // @ts-expect-error nor for a value of a table
    table.mapValues(async (fare) => fare)
    // @ts-expect-error nor for what two tables give
    table.join(table, { joiner: async (l) => l })
    // @ts-expect-error nor for a record of a processor
    stream.process(() => ({ process: async () => undefined }))
    stream.process(() => ({
      // @ts-expect-error nor for its punctuators
      init: (context) => void context.schedule(1, 'stream-time', async () => undefined),
      process: () => undefined,
    }))
    // The result of an action is not used, so it may be anything else.
    const seen: string[] = []
    stream.peek((key) => seen.push(key))
  })
})

function check<T>(value: T): T {
  return value
}
