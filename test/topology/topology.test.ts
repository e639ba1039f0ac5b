import { describe, expect, it } from 'vitest'
import type { KeyValueSpec, StoreSpec } from '../../state/ports/store-spec.ts'
import {
  joinWindows,
  type Processor,
  StreamsBuilder,
  StreamsTopologyError,
  serdes,
  sessionWindows,
  slidingWindows,
  Topology,
  timeWindows,
} from '../../topology/index.ts'
import { TAKES_WHAT_INPUT_TOOK } from '../../topology/internal-topic-config.ts'

const S = serdes.string
const TEXT = { keySerde: S, valueSerde: S }
const store = (name: string, more: Partial<KeyValueSpec> = {}): KeyValueSpec => ({
  kind: 'key-value',
  name,
  ...TEXT,
  logging: true,
  caching: false,
  timestamped: false,
  scan: false,
  ...more,
})
const nothing = (): Processor => ({ process: () => undefined })
const source = (name: string, topics: string | string[] | RegExp) => ({ name, topics, ...TEXT })

describe('a topology written by hand', () => {
  it.each([
    [
      'too many',
      Array.from({ length: 101 }, (_, i) => `n${i}`),
      'store s of p would keep 101 numbers, at most 100 fit: give its operators several stores',
    ],
    ['one twice', ['a', 'a'], 'store s of p cannot keep a number named "a"'],
    ['a long one', ['a'.repeat(41)], 'store s of p cannot keep a number named "aaaaa'],
    ['one of other characters', ['Ä.'], 'store s of p cannot keep a number named "Ä."'],
  ])('refuses numbers that do not fit beside a store: %s', (_name, keptNumbers, message) => {
    const topology = new Topology()
      .addSource(source('s1', 'a'))
      .addProcessor({ name: 'p', parents: ['s1'], supplier: nothing })
    expect(() => topology.addStateStore(store('s', { keptNumbers }), ['p'])).toThrow(message)
  })

  it('puts nodes that share a store into one subtopology', () => {
    const topology = new Topology()
      .addSource(source('s1', 'a'))
      .addSource(source('s2', 'b'))
      .addSource(source('s3', 'c'))
      .addProcessor({ name: 'p1', parents: ['s1'], supplier: nothing })
      .addProcessor({ name: 'p2', parents: ['s2'], supplier: nothing })
      .addProcessor({ name: 'p3', parents: ['s3'], supplier: nothing })
      .addStateStore(store('shared'), ['p1', 'p3'])
      .addSink({ name: 'out', parents: ['p2', 'p3'], topic: 'o', ...TEXT })
    const { subtopologies } = topology.build({ applicationId: 'app' })
    expect(subtopologies.map(({ id, sourceTopics }) => [id, sourceTopics])).toEqual([[0, ['a', 'b', 'c']]])
    const [only] = subtopologies
    expect(only?.nodes.map((node) => node.name)).toEqual(['s1', 's2', 's3', 'p1', 'p2', 'p3', 'out'])
    expect(only?.nodes.map((node) => ('children' in node ? node.children : []))).toEqual([
      ['p1'],
      ['p2'],
      ['p3'],
      [],
      ['out'],
      ['out'],
      [],
    ])
  })

  it('numbers subtopologies by their first node, and a global store takes a number', () => {
    const topology = new Topology()
      .addSource(source('s1', 'a'))
      .addGlobalStore({
        store: store('everywhere', { logging: false }),
        topic: 'g',
        sourceName: 'gs',
        processorName: 'gp',
        ...TEXT,
        supplier: nothing,
      })
      .addSource(source('s2', 'b'))
      .addProcessor({ name: 'p1', parents: ['s1'], supplier: nothing })
      .addProcessor({ name: 'p2', parents: ['s2'], supplier: nothing })
    const plan = topology.build({ applicationId: 'app' })
    expect(plan.subtopologies.map(({ id }) => id)).toEqual([0, 2])
    expect(plan.globalStores.map(({ topic, store: { changelogTopic } }) => [topic, changelogTopic])).toEqual([
      ['g', 'g'],
    ])
    expect(`${topology.describe()}`).toContain('Sub-topology: 1 for global store (will not generate tasks)')
  })

  it('prefixes internal topics with the application id', () => {
    const topology = new Topology()
      .addInternalTopic('x-repartition', { partitions: 6 })
      .addSource(source('s1', 'a'))
      .addSink({ name: 'k', parents: ['s1'], topic: 'x-repartition', ...TEXT })
      .addSource(source('s2', 'x-repartition'))
      .addProcessor({ name: 'p', parents: ['s2'], supplier: nothing })
    const plan = topology.build({ applicationId: 'app' })
    expect(plan.internalTopics).toEqual([
      {
        name: 'app-x-repartition',
        kind: 'repartition',
        partitions: 6,
        config: {
          ...TAKES_WHAT_INPUT_TOOK,
          'cleanup.policy': 'delete',
          'retention.ms': '-1',
          'retention.bytes': '-1',
          'segment.bytes': '52428800',
        },
      },
    ])
    expect(plan.subtopologies[0]?.repartitionSinkTopics).toEqual(['app-x-repartition'])
    expect(plan.subtopologies[1]?.repartitionSourceTopics).toEqual(['app-x-repartition'])
  })

  it.each<[StoreSpec, Record<string, string>]>([
    [store('s'), { 'cleanup.policy': 'compact' }],
    [store('s', { ttlMs: 1000 }), { 'cleanup.policy': 'compact' }],
    [
      store('s', { changelogConfig: { 'cleanup.policy': 'delete', 'x.y': 'z' } }),
      { 'cleanup.policy': 'delete', 'x.y': 'z' },
    ],
    [
      { ...store('s'), kind: 'window', retentionMs: 5, windowSizeMs: 5, retainDuplicates: false, timestamped: true },
      { 'cleanup.policy': 'compact' },
    ],
    [{ ...store('s'), kind: 'session', retentionMs: 7 }, { 'cleanup.policy': 'compact' }],
    [{ ...store('s'), kind: 'versioned', historyRetentionMs: 9 }, { 'cleanup.policy': 'compact' }],
  ])("keeps changelog records of %j from expiring by a broker's clock", (spec, config) => {
    const topology = new Topology()
      .addSource(source('s1', 'a'))
      .addProcessor({ name: 'p', parents: ['s1'], supplier: nothing })
      .addStateStore(spec, ['p'])
    const { internalTopics } = topology.build({ applicationId: 'app' })
    expect(internalTopics).toEqual([
      {
        name: 'app-s-changelog',
        kind: 'changelog',
        partitions: 'source',
        config: { ...TAKES_WHAT_INPUT_TOOK, ...config },
      },
    ])
  })

  it('gives a store without logging no changelog', () => {
    const topology = new Topology()
      .addSource(source('s1', 'a'))
      .addProcessor({ name: 'p', parents: ['s1'], supplier: nothing })
      .addStateStore(store('s', { logging: false }), ['p'])
    const plan = topology.build({ applicationId: 'app' })
    expect(plan.internalTopics).toEqual([])
    expect(plan.subtopologies[0]?.stores.map(({ changelogTopic }) => changelogTopic)).toEqual([null])
  })

  it('closes co-partition groups transitively', () => {
    const topology = new Topology()
    for (const name of ['a', 'b', 'c', 'd', 'e']) topology.addSource(source(name, `topic-${name}`))
    topology
      .addProcessor({ name: 'p', parents: ['a', 'b', 'c', 'd', 'e'], supplier: nothing })
      .copartitionSources(['a', 'b'])
      .copartitionSources(['d', 'e'])
      .copartitionSources(['b', 'c'])
    expect(
      topology.build({ applicationId: 'app' }).subtopologies[0]?.copartitionGroups.map((group) => group.toSorted()),
    ).toEqual([
      ['topic-d', 'topic-e'],
      ['topic-a', 'topic-b', 'topic-c'],
    ])
  })

  it.each<[string, (topology: Topology) => unknown]>([
    ['node a is already added', (t) => t.addSource(source('a', 'x')).addSource(source('a', 'y'))],
    ['topic x has already been registered', (t) => t.addSource(source('a', 'x')).addSource(source('b', 'x'))],
    ['pattern /x.*/ matches topic xy', (t) => t.addSource(source('a', 'xy')).addSource(source('b', /x.*/))],
    ['topic xy matches pattern', (t) => t.addSource(source('a', /x.*/)).addSource(source('b', 'xy'))],
    ['must have at least one topic', (t) => t.addSource(source('a', []))],
    ['must have at least one parent', (t) => t.addProcessor({ name: 'p', parents: [], supplier: nothing })],
    ['parent q of node p is not added', (t) => t.addProcessor({ name: 'p', parents: ['q'], supplier: nothing })],
    [
      'sink k cannot be a parent',
      (t) =>
        t
          .addSource(source('a', 'x'))
          .addSink({ name: 'k', parents: ['a'], topic: 'o', ...TEXT })
          .addProcessor({ name: 'p', parents: ['k'], supplier: nothing }),
    ],
    ['a different store has already been added', (t) => t.addStateStore(store('s')).addStateStore(store('s'))],
    ['processor p is not added yet', (t) => t.addStateStore(store('s'), ['p'])],
    [
      'store s is not added yet',
      (t) =>
        t.addSource(source('a', 'x')).addProcessor({ name: 'p', parents: ['a'], supplier: nothing, stores: ['s'] }),
    ],
    ['cannot be connected to source a', (t) => t.addSource(source('a', 'x')).addStateStore(store('s'), ['a'])],
    ['characters other than', (t) => t.addSource(source('a b', 'x'))],
    ['must not be empty', (t) => t.addSource(source('', 'x'))],
    ['longer than 249', (t) => t.addSource(source('a'.repeat(250), 'x'))],
  ])('refuses: %s', (message, write) => {
    expect(() => write(new Topology())).toThrow(StreamsTopologyError)
    expect(() => write(new Topology())).toThrow(message)
  })
})

describe('an inconsistent program', () => {
  const streamOf = (b: StreamsBuilder, topic: string) => b.stream<string, string>(topic, TEXT)

  it.each<[string, (builder: StreamsBuilder) => unknown]>([
    [
      'sink KSTREAM-SINK-0000000002 needs a keySerde',
      (b) =>
        b
          .stream('in', { valueSerde: S, keySerde: S })
          .selectKey(() => 1)
          .to('out'),
    ],
    ['overlapping but not equal', (b) => [b.stream(['a', 'b'], TEXT), b.stream(['b'], TEXT)]],
    ['different offsetReset', (b) => [b.stream('a', { ...TEXT, offsetReset: 'latest' }), b.stream('a', TEXT)]],
    ['only windowed tables', (b) => b.table('a', TEXT).suppress({ until: 'window-closes' })],
    [
      'must not be emitted early',
      (b) => b.table('a', TEXT).suppress({ until: 'window-closes', buffer: { whenFull: 'emit-early' } }),
    ],
    [
      'versioned table',
      (b) =>
        b
          .table('a', { ...TEXT, materialized: { name: 'v', historyRetentionMs: 5 } })
          .suppress({ until: 'time-limit', limitMs: 1 }),
    ],
    [
      'versioned store has no cache',
      (b) => b.table('a', { ...TEXT, materialized: { name: 'v', historyRetentionMs: 5, caching: true } }),
    ],
    [
      'must keep its windows for at least 30 ms',
      (b) =>
        streamOf(b, 'a')
          .groupByKey()
          .windowedBy(timeWindows({ sizeMs: 20, graceMs: 10 }))
          .count({ materialized: { retentionMs: 29 } }),
    ],
    [
      'must be versioned',
      (b) =>
        streamOf(b, 'a').joinTable(b.table<string, string>('b', { ...TEXT, materialized: { name: 'rows' } }), {
          joiner: (l, r) => l + r,
          graceMs: 5,
        }),
    ],
    [
      'at least the grace of 5 ms',
      (b) =>
        streamOf(b, 'a').joinTable(
          b.table<string, string>('b', { ...TEXT, materialized: { name: 'rows', historyRetentionMs: 4 } }),
          { joiner: (l, r) => l + r, graceMs: 5 },
        ),
    ],
    ['another StreamsBuilder', (b) => streamOf(b, 'a').merge(streamOf(new StreamsBuilder(), 'b'))],
  ])('is refused: %s', (message, write) => {
    const build = () => {
      const builder = new StreamsBuilder()
      write(builder)
      builder.build()
    }
    expect(build).toThrow(StreamsTopologyError)
    expect(build).toThrow(message)
  })

  it.each<[string, () => unknown]>([
    ['sizeMs must be an integer of at least 1', () => timeWindows({ sizeMs: 0 })],
    ['must not advance by more than their size', () => timeWindows({ sizeMs: 5, advanceMs: 6 })],
    ['graceMs must be an integer', () => slidingWindows({ timeDifferenceMs: 1, graceMs: -1 })],
    ['inactivityGapMs must be an integer', () => sessionWindows({ inactivityGapMs: 0.5 })],
    ['must not end before it begins', () => joinWindows({ beforeMs: -5, afterMs: 4 })],
  ])('has its windows checked: %s', (message, make) => {
    expect(make).toThrow(message)
  })

  it('without explicit names is refused on demand', () => {
    const build = (named: boolean) => {
      const builder = new StreamsBuilder({ ensureExplicitInternalResourceNaming: true })
      streamOf(builder, 'in')
        .selectKey((_key, value) => value)
        .groupByKey(named ? { ...TEXT, name: 'by-value' } : TEXT)
        .count(named ? { materialized: { name: 'counts' } } : {})
      return builder.build()
    }
    expect(() => build(false)).toThrow(
      'the topology demands explicit names, but these are generated: ' +
        'changelog topics KSTREAM-AGGREGATE-STATE-STORE-0000000002-changelog; ' +
        'state stores KSTREAM-AGGREGATE-STATE-STORE-0000000002; ' +
        'repartition topics KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition',
    )
    expect(
      build(true)
        .build({ applicationId: 'app' })
        .internalTopics.map(({ name }) => name),
    ).toEqual(['app-by-value-repartition', 'app-counts-changelog'])
  })

  it('without explicit names of joins is refused on demand, too', () => {
    const build = (names: object) => {
      const builder = new StreamsBuilder({ ensureExplicitInternalResourceNaming: true })
      const joiner = (l: string | null, r: string | null) => `${l}${r}`
      streamOf(builder, 'l').outerJoin(streamOf(builder, 'r'), {
        joiner,
        windows: joinWindows({ timeDifferenceMs: 1 }),
        ...names,
      })
      builder
        .table<string, string>('a', { ...TEXT, materialized: { name: 'as' } })
        .joinOnForeignKey(builder.table<string, string>('b', { ...TEXT, materialized: { name: 'bs' } }), {
          joiner,
          foreignKeyExtractor: (value) => value,
          ...names,
        })
      return builder.build()
    }
    expect(() => build({})).toThrow('KSTREAM-OUTERSHARED')
    expect(() => build({})).toThrow('KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-')
    expect(() => build({ name: 'n', storeName: 's' })).not.toThrow()
  })

  it('with a cogrouped stream of more windowed members than their store can keep times of is refused', () => {
    const builder = new StreamsBuilder()
    const grouped = (i: number) => streamOf(builder, `t${i}`).groupByKey(TEXT)
    let cogrouped = grouped(0).cogroup<string>((_key, value) => value)
    for (let i = 1; i <= 50; i++) cogrouped = cogrouped.cogroup(grouped(i), (_key, value) => value)
    cogrouped
      .windowedBy(timeWindows({ sizeMs: 10 }))
      .aggregate({ initializer: () => '', name: 'all', materialized: { name: 'all', valueSerde: S } })
    expect(() => builder.build()).toThrow('store all of all-cogroup-agg-0 would keep 102 numbers, at most 100 fit')
  })

  it('with streams of several topics under one aggregate must co-partition them', () => {
    const builder = new StreamsBuilder()
    builder.stream<string, string>(['a', 'b'], TEXT).merge(streamOf(builder, 'c')).groupByKey(TEXT).count()
    const [subtopology] = builder.build().build({ applicationId: 'app' }).subtopologies
    expect(subtopology?.copartitionGroups).toEqual([['a', 'b', 'c']])
  })
})
