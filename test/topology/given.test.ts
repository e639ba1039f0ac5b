import { describe, expect, it } from 'vitest'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import {
  type KGroupedStream,
  type KStream,
  type KTable,
  keyValueStore,
  StreamsBuilder,
  serdes,
  sessionWindows,
  Topology,
  timeWindows,
  versionedStore,
  windowStore,
} from '../../topology/index.ts'
import { joinWindows } from '../../topology/windows.ts'

/*
 * A program in plain JavaScript, or one that reads its numbers from somewhere, hands over what the types would refuse. Building the
 * topology says so, and names what is wrong. No value may build a topology that fails later, or hang.
 */

type Anything = never
const NONSENSE = [
  null,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  1.5,
  2 ** 60,
  10n,
  '',
  true,
  {},
  [],
  new Date(0),
  Symbol('s'),
]
const TEXT = { keySerde: serdes.string, valueSerde: serdes.string }

interface Parts {
  readonly builder: StreamsBuilder
  readonly stream: KStream<string, string>
  readonly table: KTable<string, string>
  readonly grouped: KGroupedStream<string, string>
}

const windows = joinWindows({ beforeMs: 1, afterMs: 1, graceMs: 0 })
const joiner = (): string => ''

const FUNCTIONS: Record<string, (parts: Parts, given: Anything) => unknown> = {
  'filter()': ({ stream }, given) => stream.filter(given),
  'filterNot()': ({ stream }, given) => stream.filterNot(given),
  'map()': ({ stream }, given) => stream.map(given),
  'mapValues()': ({ stream }, given) => stream.mapValues(given),
  'flatMap()': ({ stream }, given) => stream.flatMap(given),
  'flatMapValues()': ({ stream }, given) => stream.flatMapValues(given),
  'selectKey()': ({ stream }, given) => stream.selectKey(given),
  'groupBy()': ({ stream }, given) => stream.groupBy(given),
  'peek()': ({ stream }, given) => stream.peek(given),
  'forEach()': ({ stream }, given) => stream.forEach(given),
  'process()': ({ stream }, given) => stream.process(given),
  'processValues()': ({ stream }, given) => stream.processValues(given),
  'branch()': ({ stream }, given) => stream.split().branch(given),
  'join()': ({ stream, builder }, given) => stream.join(builder.stream('other'), { windows, joiner: given }),
  'joinTable()': ({ stream, table }, given) => stream.joinTable(table, { joiner: given }),
  'joinGlobal()': ({ stream, builder }, given) =>
    stream.joinGlobal(builder.globalTable('global'), { keySelector: given, joiner }),
  'reduce()': ({ grouped }, given) => grouped.reduce(given),
  'cogroup()': ({ grouped }, given) => grouped.cogroup(given),
  'aggregate()': ({ grouped }, given) => grouped.aggregate({ initializer: joiner, aggregator: given }),
  'filter() of a table': ({ table }, given) => table.filter(given),
  'mapValues() of a table': ({ table }, given) => table.mapValues(given),
  'transformValues()': ({ table }, given) => table.transformValues(given),
  'groupBy() of a table': ({ table }, given) => table.groupBy(given),
  'join() of tables': ({ table, builder }, given) => table.join(builder.table('t2'), { joiner: given }),
  'joinOnForeignKey()': ({ table, builder }, given) =>
    table.joinOnForeignKey(builder.table('t2'), { foreignKeyExtractor: given, joiner }),
}

const NUMBERS: Record<string, (parts: Parts, given: Anything) => unknown> = {
  'timeWindows()': (_parts, given) => timeWindows({ sizeMs: given }),
  'sessionWindows()': (_parts, given) => sessionWindows({ inactivityGapMs: given }),
  'retentionMs of windows': ({ grouped }, given) =>
    grouped.windowedBy(timeWindows({ sizeMs: 5 })).count({ materialized: { name: 'w', retentionMs: given } }),
  historyRetentionMs: ({ builder }, given) => builder.table('t', { materialized: { historyRetentionMs: given } }),
  ttlMs: ({ builder }, given) => builder.table('t', { materialized: { ttlMs: given } }),
  'limitMs of suppress()': ({ table }, given) => table.suppress({ until: 'time-limit', limitMs: given }),
  'maxRecords of suppress()': ({ table }, given) =>
    table.suppress({ until: 'time-limit', limitMs: 1, buffer: { maxRecords: given } }),
  'partitions of repartition()': ({ stream }, given) => stream.repartition({ partitions: given }),
  'ttlMs of a store': (_parts, given) => keyValueStore({ name: 's', ...TEXT, ttlMs: given }),
  'windowSizeMs of a store': (_parts, given) =>
    windowStore({ name: 's', ...TEXT, windowSizeMs: given, retentionMs: 1 }),
  'historyRetentionMs of a store': (_parts, given) => versionedStore({ name: 's', ...TEXT, historyRetentionMs: given }),
}

const NAMES: Record<string, (parts: Parts, given: Anything) => unknown> = {
  'stream()': ({ builder }, given) => builder.stream(given),
  'table()': ({ builder }, given) => builder.table(given),
  'globalTable()': ({ builder }, given) => builder.globalTable(given),
  'to()': ({ stream }, given) => stream.to(given),
  'the name of an operator': ({ stream }, given) => stream.filter(() => true, { name: given }),
  'the name of a store': (_parts, given) => keyValueStore({ name: given, ...TEXT }),
  'a node of a Topology': (_parts, given) => new Topology().addSource({ name: given, topics: 't', ...TEXT }),
}

const SERDES: Record<string, (parts: Parts, given: Anything) => unknown> = {
  'stream()': ({ builder }, given) => builder.stream('s', { valueSerde: given }),
  'table()': ({ builder }, given) => builder.table('t', { keySerde: given, materialized: { name: 't' } }),
  'to()': ({ stream }, given) => stream.to('out', { valueSerde: given }),
  'keyValueStore()': (_parts, given) => keyValueStore({ name: 's', keySerde: serdes.string, valueSerde: given }),
}

/** Builds with each value; returns those with which no StreamsTopologyError came, or one that shows code of ours. */
function accepted(use: (parts: Parts, given: Anything) => unknown, values: readonly unknown[]): readonly string[] {
  return values.flatMap((given) => {
    const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
    const stream = builder.stream<string, string>('in')
    const parts = { builder, stream, table: builder.table<string, string>('table'), grouped: stream.groupByKey() }
    try {
      use(parts, given as Anything)
      builder.build().build({ applicationId: 'app' })
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      return code === 'TOPOLOGY' ? [] : [`${String(given)}: ${message}`]
    }
    return [`${String(given)} builds`]
  })
}

describe('a topology refuses', () => {
  it.each(Object.keys(FUNCTIONS))('what is no function, in %s', (where) => {
    expect(accepted(FUNCTIONS[where] as never, [undefined, ...NONSENSE])).toEqual([])
  })

  it.each(Object.keys(NUMBERS))('what is no whole number, in %s', (where) => {
    // Kafka Streams has BufferConfig.unbounded(); a limit of Infinity says the same.
    const infinity = where === 'maxRecords of suppress()' ? ['Infinity builds'] : []
    expect(accepted(NUMBERS[where] as never, NONSENSE)).toEqual(infinity)
  })

  it.each(Object.keys(NAMES))('what is no name, in %s', (where) => {
    expect(accepted(NAMES[where] as never, NONSENSE)).toEqual([])
  })

  it.each(Object.keys(SERDES))('what is no serde, in %s', (where) => {
    expect(
      accepted(
        SERDES[where] as never,
        NONSENSE.filter((one) => one !== null),
      ),
    ).toEqual([])
  })

  it('but no row that is gone as soon as stream time has passed it', () => {
    for (const where of ['ttlMs', 'ttlMs of a store'])
      expect(accepted(NUMBERS[where] as never, [0])).toEqual(['0 builds'])
  })

  it('with words that say what to change', () => {
    const { stream, table, builder } = ((): Parts => {
      const made = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
      const own = made.stream<string, string>('in')
      return { builder: made, stream: own, table: made.table('table'), grouped: own.groupByKey() }
    })()
    const wrong = (given: unknown): Anything => given as Anything
    expect(() => stream.map(wrong(undefined))).toThrow('the mapper of map() must be a function, not undefined')
    expect(() => table.joinOnForeignKey(builder.table('t2'), wrong({ foreignKey: joiner, joiner }))).toThrow(
      'a join on a foreign key needs a function foreignKeyExtractor in its options, not undefined',
    )
    expect(() => stream.groupByKey().windowedBy(wrong({ sizeMs: 5 }))).toThrow(
      'windowedBy() needs windows made by timeWindows() or slidingWindows(), not an object',
    )
    expect(() => builder.stream(wrong(7))).toThrow(
      'the name of a node, a store or a topic must be a string, not a number',
    )
    expect(() => new TopologyTestDriver(wrong(builder.build()))).toThrow(
      'TopologyTestDriver takes a plan: topology.build({ applicationId })',
    )
  })
})

describe('a supplier', () => {
  class Silent {
    process(): void {}
    transform(): string {
      return ''
    }
  }
  const shared = new Silent()
  const wrong: ReadonlyArray<readonly [what: string, supplier: unknown, problem: string]> = [
    ['that is a class', Silent, 'must be a function, not a class: () => new Silent()'],
    ['that makes one object only', () => shared, 'must make a new object at each call'],
    ['that is asynchronous', async () => new Silent(), 'returned a promise'],
  ]
  const uses: Record<string, (parts: Parts, supplier: Anything) => unknown> = {
    'process()': ({ stream }, supplier) => stream.process(supplier),
    'processValues()': ({ stream }, supplier) => stream.processValues(supplier),
    'transformValues()': ({ table }, supplier) => table.transformValues(supplier),
    node: (_parts, supplier) =>
      new Topology()
        .addSource({ name: 'source', topics: ['t'], ...TEXT })
        .addProcessor({ name: 'node', parents: ['source'], supplier }),
  }

  it.each(wrong)('%s is refused while the topology is built', (_what, supplier, problem) => {
    for (const [where, use] of Object.entries(uses)) {
      const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
      const stream = builder.stream<string, string>('in')
      const parts = { builder, stream, table: builder.table<string, string>('table'), grouped: stream.groupByKey() }
      expect(() => use(parts, supplier as Anything)).toThrow(`the supplier of ${where} ${problem}`)
    }
  })

  it('is called twice while the topology is built, and once for a task', () => {
    const made: Record<string, number> = {}
    const counting =
      (where: string, more: object = {}) =>
      () => {
        made[where] = (made[where] ?? 0) + 1
        return Object.assign(new Silent(), more) as Anything
      }
    const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
    const stream = builder.stream<string, string>('in')
    stream.process(counting('process()'))
    stream.processValues(counting('processValues()'))
    stream.processAsync(counting('processAsync()', { call: () => '' }), { name: 'asks' })
    builder.table<string, string>('table').transformValues(counting('transformValues()'))
    const store = keyValueStore({ name: 'global', ...TEXT })
    builder.addGlobalStore({ store, topic: 'global-in', supplier: counting('addGlobalStore()') })
    const topology = builder.build()
    topology.addProcessor({
      name: 'by-hand',
      parents: ['KSTREAM-SOURCE-0000000000'],
      supplier: counting('addProcessor()'),
    })
    const plan = topology.build({ applicationId: 'app' })
    const places = [
      'process()',
      'processValues()',
      'processAsync()',
      'transformValues()',
      'addGlobalStore()',
      'addProcessor()',
    ]
    expect(made).toEqual(Object.fromEntries(places.map((where) => [where, 2])))
    new TopologyTestDriver(plan).close()
    expect(made).toEqual(Object.fromEntries(places.map((where) => [where, 3])))
  })
})

describe('a record fails with words of its operator', () => {
  const failing = (use: (stream: KStream<string, string>) => { to(topic: string): void }) => {
    const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
    use(builder.stream<string, string>('in')).to('out')
    const plan = builder.build().build({ applicationId: 'app' })
    return () => new TopologyTestDriver(plan).inputTopic('in', serdes.string, serdes.string).pipeInput('a', 'b', 1)
  }
  const wrong = (given: unknown) => () => given as Anything

  it('when a mapper answers no pair, or nothing to iterate over', () => {
    expect(failing((stream) => stream.map(wrong(undefined), { name: 'm' }))).toThrow(
      'the mapper of m must return [key, value], not undefined',
    )
    expect(failing((stream) => stream.flatMap(wrong([5]), { name: 'm' }))).toThrow(
      'the mapper of m must return [key, value], not a number',
    )
    expect(failing((stream) => stream.flatMapValues(wrong(7), { name: 'm' }))).toThrow(
      'the mapper of m must return an iterable, not a number',
    )
  })

  it('when a punctuation is of no known kind, or calls no function', () => {
    const scheduling = (...schedule: readonly unknown[]) =>
      failing((stream) =>
        stream.process(() => ({
          init: (context) => void context.schedule(...(schedule as Parameters<typeof context.schedule>)),
          process: () => undefined,
        })),
      )
    expect(scheduling(10, 'wall-clock', joiner)).toThrow('must be stream-time or wall-clock-time, not wall-clock')
    expect(scheduling(10, 'stream-time', 5)).toThrow('a punctuator must be a function, not a number')
    expect(scheduling(10n, 'stream-time', joiner)).toThrow('punctuation interval must be at least 1 ms, not 10')
  })
})
