import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  joinWindows,
  type KStream,
  StreamsBuilder,
  type StreamsBuilderOptions,
  serdes,
  type Topology,
} from '../../topology/index.ts'
import { type In, TopologyRun } from '../support/topology-run.ts'

/*
 * The optimisations of a topology change where its records are kept, and its results only where null keys meet a merged repartition.
 * (test/differential has Kafka Streams' own.)
 */

const S = serdes.string
const TEXT = { keySerde: S, valueSerde: S }
type Optimization = StreamsBuilderOptions['topologyOptimization']

function built(define: (builder: StreamsBuilder) => void, topologyOptimization: Optimization): Topology {
  const builder = new StreamsBuilder({ topologyOptimization, defaultKeySerde: S, defaultValueSerde: S })
  define(builder)
  return builder.build()
}

function results(topology: Topology, outputs: readonly string[], input: readonly In<string>[]) {
  const run = new TopologyRun(topology, S).feed(input)
  return outputs.map((topic) => run.read(topic, S, S))
}

const repartitions = (topology: Topology): readonly string[] => [...topology.parts().internalTopics.keys()]
const stores = (topology: Topology): readonly string[] => [...topology.parts().stores.keys()]

const rekeyed = (builder: StreamsBuilder) =>
  builder.stream<string, string>('in').selectKey((_key, value) => value.slice(0, 1))
const isLong = (_key: string, value: string) => value.length > 1
const join = (stream: KStream<string, string>, name: string) =>
  stream
    .groupByKey()
    .reduce((all, value) => `${all}${value}`, { materialized: { name } })
    .toStream()

const anyInput = fc.array(
  fc.record({
    topic: fc.constant('in'),
    key: fc.constantFrom('k', 'l', 'm'),
    value: fc.constantFrom('a', 'ab', 'b', 'bc', 'c', 'cde'),
    timestamp: fc.integer({ min: 0, max: 60 }),
  }),
  { maxLength: 30 },
)

describe('merge.repartition.topics', () => {
  it.each<[string, (builder: StreamsBuilder) => void, string[], string[]]>([
    [
      'several operators on one stream, behind what changes neither keys nor values',
      (builder) => {
        const input = rekeyed(builder)
        join(input, 'all').to('out')
        join(input.filter(isLong), 'long').to('second')
        join(input.peek(() => undefined).filterNot(isLong), 'short').to('third')
      },
      ['all-repartition', 'long-repartition', 'short-repartition'],
      ['all-repartition'],
    ],
    [
      'two operators below one filter',
      (builder) => {
        const input = rekeyed(builder).filter(isLong)
        join(input, 'all').to('out')
        join(input, 'again').to('second')
        input.to('third')
      },
      ['again-repartition', 'all-repartition'],
      ['all-repartition'],
    ],
    [
      'branches',
      (builder) => {
        rekeyed(builder)
          .split()
          .branch(isLong, { chain: (long) => join(long, 'long').to('out') as undefined })
          .defaultBranch({ chain: (short) => join(short, 'short').to('second') as undefined })
        builder.stream<string, string>('in').to('third')
      },
      ['long-repartition', 'short-repartition'],
      ['long-repartition'],
    ],
    [
      'not behind other values, nor behind a topic that was asked for',
      (builder) => {
        const input = rekeyed(builder)
        join(
          input.mapValues((value) => value.toUpperCase()),
          'upper',
        ).to('out')
        join(input, 'all').to('second')
        join(input.repartition({ name: 'own' }), 'owned').to('third')
      },
      ['all-repartition', 'own-repartition', 'upper-repartition'],
      ['all-repartition', 'own-repartition', 'upper-repartition'],
    ],
  ])('%s: the results are those without', (_what, define, before, after) => {
    const topics = ['out', 'second', 'third']
    expect(repartitions(built(define, 'none')).toSorted()).toEqual(before)
    expect(repartitions(built(define, ['merge.repartition.topics'])).toSorted()).toEqual(after)
    fc.assert(
      fc.property(anyInput, (input) => {
        const [without, merged] = (['none', 'merge.repartition.topics'] as const).map((optimization) =>
          results(built(define, optimization), topics, input),
        )
        expect(merged).toEqual(without)
      }),
      { numRuns: 40 },
    )
  })

  it('a sink below a filter that moves behind the topic gets no null keys any more, as in Kafka Streams', () => {
    const define = (builder: StreamsBuilder): void => {
      const kept = builder
        .stream<string, string>('in')
        .selectKey((_key, value) => (value === 'ab' ? null : value.slice(0, 1)))
        .filter((_key, value) => value.length > 1)
      kept.to('out')
      join(kept as KStream<string, string>, 'all').to('second')
    }
    const input = ['a', 'ab', 'bc'].map((value, timestamp) => ({ topic: 'in', key: 'k', value, timestamp }))
    const [ab, bc] = [
      { key: null, value: 'ab', timestamp: 1 },
      { key: 'b', value: 'bc', timestamp: 2 },
    ]
    expect(results(built(define, 'none'), ['out', 'second'], input)).toEqual([[ab, bc], [bc]])
    expect(results(built(define, 'merge.repartition.topics'), ['out', 'second'], input)).toEqual([[bc], [bc]])
  })

  it('goes on when the builder builds again, with more', () => {
    const builder = new StreamsBuilder({ topologyOptimization: 'all', defaultKeySerde: S, defaultValueSerde: S })
    const input = rekeyed(builder)
    join(input, 'first').to('out')
    builder.build()
    join(input.filter(isLong), 'second').to('second')
    expect(repartitions(builder.build())).toEqual(['first-repartition', 'second-repartition'])
  })
})

describe('single.store.self.join', () => {
  const selfJoin =
    (beforeMs: number, afterMs: number, graceMs: number, kind: 'join' | 'leftJoin' = 'join') =>
    (builder: StreamsBuilder): void => {
      const input = builder.stream<string, string>('in')
      const windows = joinWindows({ beforeMs, afterMs, graceMs })
      const options = { ...TEXT, otherValueSerde: S, windows, joiner: (l: unknown, r: unknown) => `${l}+${r}` }
      input[kind]<string, string>(input, options).to('out', TEXT)
    }

  it('the results are those without, in the same order, for any window and late records', () => {
    const sizes = fc.integer({ min: -15, max: 30 })
    fc.assert(
      fc.property(anyInput, sizes, sizes, fc.integer({ min: 0, max: 20 }), (input, beforeMs, afterMs, graceMs) => {
        fc.pre(beforeMs + afterMs >= 0)
        const define = selfJoin(beforeMs, afterMs, graceMs)
        const [two, one] = (['none', 'single.store.self.join'] as const).map((optimization) =>
          results(built(define, optimization), ['out'], input),
        )
        expect(one).toEqual(two)
      }),
      { numRuns: 200 },
    )
  })

  it('an inner join has one store, other joins have theirs', () => {
    expect(stores(built(selfJoin(5, 5, 0), 'none'))).toHaveLength(2)
    expect(stores(built(selfJoin(5, 5, 0), 'all'))).toHaveLength(1)
    expect(stores(built(selfJoin(5, 5, 0, 'leftJoin'), 'all'))).toHaveLength(3)
  })
})

it('a value that is no optimisation is refused', () => {
  expect(() => new StreamsBuilder({ topologyOptimization: 'most' as 'all' })).toThrow(
    'topologyOptimization: "most" is not accepted, expected none, all, or some of reuse.ktable.source.topics',
  )
})
