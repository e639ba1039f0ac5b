import { describe, expect, expectTypeOf, it } from 'vitest'
import { type KStream, type KTable, StreamsBuilder, serdes } from '../../topology/index.ts'

interface TripEvent {
  readonly trip: string
  readonly fare: number
}
interface TripState {
  readonly fare: number
  readonly hour: string
}
interface Revenue {
  readonly cents: number
  readonly trips: number
}

function mainJob(): StreamsBuilder {
  const builder = new StreamsBuilder()
  const trips = builder
    .stream<string, TripEvent>(['trip.requested', 'trip.completed'], {
      keySerde: serdes.string,
      valueSerde: serdes.json<TripEvent>(),
    })
    .groupByKey()
    .aggregate({
      initializer: () => null,
      aggregator: (key, value, state) => {
        expectTypeOf(key).toEqualTypeOf<string>()
        expectTypeOf(value).toEqualTypeOf<TripEvent>()
        expectTypeOf(state).toEqualTypeOf<TripState | null>()
        return { fare: value.fare, hour: state?.hour ?? 'h' }
      },
      materialized: { name: 'trip-state', valueSerde: serdes.json<TripState>() },
    })
  expectTypeOf(trips).toEqualTypeOf<KTable<string, TripState>>()
  const stream = trips.toStream()
  expectTypeOf(stream).toEqualTypeOf<KStream<string, TripState | null>>()
  stream
    .mapValues((state) => (state === null ? null : { ...state, status: 'x' }))
    .to('trip.state', { keySerde: serdes.string, valueSerde: serdes.json<TripState & { status: string }>() })
  const revenue = trips
    .groupBy((_id, state) => [state.hour, { fare: state.fare }], {
      name: 'hourly-revenue',
      keySerde: serdes.string,
      valueSerde: serdes.json<{ fare: number }>(),
    })
    .aggregate({
      initializer: (): Revenue => ({ cents: 0, trips: 0 }),
      adder: (_hour, { fare }, sum) => ({ cents: sum.cents + fare, trips: sum.trips + 1 }),
      subtractor: (_hour, { fare }, sum) => ({ cents: sum.cents - fare, trips: sum.trips - 1 }),
      materialized: { name: 'hourly-revenue', valueSerde: serdes.json<Revenue>() },
    })
  expectTypeOf(revenue).toEqualTypeOf<KTable<string, Revenue>>()
  revenue.toStream().to('analytics.hourly_revenue')
  return builder
}

describe('the main job', () => {
  it('is described as Kafka Streams would', () => {
    expect(`${mainJob().build().describe()}`).toBe(
      `Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [trip.completed, trip.requested])
      --> KSTREAM-AGGREGATE-0000000001
    Processor: KSTREAM-AGGREGATE-0000000001 (stores: [trip-state])
      --> KTABLE-TOSTREAM-0000000002, hourly-revenue
      <-- KSTREAM-SOURCE-0000000000
    Processor: KTABLE-TOSTREAM-0000000002 (stores: [])
      --> KSTREAM-MAPVALUES-0000000003
      <-- KSTREAM-AGGREGATE-0000000001
    Processor: KSTREAM-MAPVALUES-0000000003 (stores: [])
      --> KSTREAM-SINK-0000000004
      <-- KTABLE-TOSTREAM-0000000002
    Processor: hourly-revenue (stores: [])
      --> KSTREAM-SINK-0000000006
      <-- KSTREAM-AGGREGATE-0000000001
    Sink: KSTREAM-SINK-0000000004 (topic: trip.state)
      <-- KSTREAM-MAPVALUES-0000000003
    Sink: KSTREAM-SINK-0000000006 (topic: hourly-revenue-repartition)
      <-- hourly-revenue

  Sub-topology: 1
    Source: KSTREAM-SOURCE-0000000007 (topics: [hourly-revenue-repartition])
      --> KTABLE-AGGREGATE-0000000008
    Processor: KTABLE-AGGREGATE-0000000008 (stores: [hourly-revenue])
      --> KTABLE-TOSTREAM-0000000009
      <-- KSTREAM-SOURCE-0000000007
    Processor: KTABLE-TOSTREAM-0000000009 (stores: [])
      --> KSTREAM-SINK-0000000010
      <-- KTABLE-AGGREGATE-0000000008
    Sink: KSTREAM-SINK-0000000010 (topic: analytics.hourly_revenue)
      <-- KTABLE-TOSTREAM-0000000009

`,
    )
  })

  it('compiles to two subtopologies with their internal topics', () => {
    const plan = mainJob().build().build({ applicationId: 'app' })
    expect(
      plan.subtopologies.map(({ id, sourceTopics, copartitionGroups }) => ({ id, sourceTopics, copartitionGroups })),
    ).toEqual([
      {
        id: 0,
        sourceTopics: ['trip.requested', 'trip.completed'],
        copartitionGroups: [['trip.requested', 'trip.completed']],
      },
      { id: 1, sourceTopics: ['app-hourly-revenue-repartition'], copartitionGroups: [] },
    ])
    expect(plan.subtopologies[0]?.repartitionSinkTopics).toEqual(['app-hourly-revenue-repartition'])
    expect(plan.subtopologies[1]?.repartitionSourceTopics).toEqual(['app-hourly-revenue-repartition'])
    expect(plan.internalTopics.map(({ name, kind, config }) => [name, kind, config['cleanup.policy']])).toEqual([
      ['app-trip-state-changelog', 'changelog', 'compact'],
      ['app-hourly-revenue-repartition', 'repartition', 'delete'],
      ['app-hourly-revenue-changelog', 'changelog', 'compact'],
    ])
    expect(plan.subtopologies.flatMap((sub) => sub.stores.map((store) => store.changelogTopic))).toEqual([
      'app-trip-state-changelog',
      'app-hourly-revenue-changelog',
    ])
  })
})
