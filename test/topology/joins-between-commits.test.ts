import { describe, expect, it } from 'vitest'
import { simulate } from '../../exports/testing.ts'
import { NO_FAULTS } from '../../runtime/simulation/simulated-run.ts'
import {
  type KStream,
  type KTable,
  StreamsBuilder,
  serdes,
  sessionWindows,
  type Topology,
  timeWindows,
  type Windowed,
} from '../../topology/index.ts'

/** Items with the name of their owner. */
function owned(): Topology {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  const owners = builder.table<string, string>('owners')
  builder
    .table<string, string>('items')
    .leftJoinOnForeignKey(
      owners.filter((_key, name) => name !== 'nobody'),
      {
        foreignKeyExtractor: (owner) => owner,
        joiner: (_owner, name) => name ?? 'none',
      },
    )
    .toStream()
    .to('owned')
  return builder.build()
}

it('a foreign row that comes and goes between two commits leaves nothing behind, although an item asks for it meanwhile', async () => {
  const input = Array.from({ length: 40 }, (_, i) => [
    { topic: 'items', key: `item-${i}`, value: `owner-${i}` },
    { topic: 'owners', key: `owner-${i}`, value: 'somebody' },
    { topic: 'owners', key: `owner-${i}` },
  ]).flat()
  const expected = new Map(Array.from({ length: 40 }, (_, i) => [`item-${i}`, 'none']))
  await simulate(owned, {
    input,
    seeds: 8,
    faults: NO_FAULTS,
    check: (outputs) => {
      const rows = new Map(outputs.records<string, string>('owned').map(({ key, value }) => [key, value]))
      expect(rows).toEqual(expected)
    },
  })
})

it('so it is with a join of a table that does not cache with one that does', async () => {
  const joined = (): Topology => {
    const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
    builder
      .table<string, string>('left', { materialized: { name: 'left', caching: false } })
      .join(builder.table<string, string>('right'), { joiner: (l, r) => `${l} ${r}` })
      .toStream()
      .to('joined')
    return builder.build()
  }
  const input = Array.from({ length: 40 }, (_, i) => [
    { topic: 'right', key: `row-${i}`, value: 'r' },
    { topic: 'left', key: `row-${i}`, value: 'l' },
    { topic: 'right', key: `row-${i}` },
  ]).flat()
  await simulate(joined, {
    input,
    seeds: 8,
    faults: NO_FAULTS,
    check: (outputs) => {
      const rows = new Map(outputs.records<string, string>('joined').map(({ key, value }) => [key, value]))
      expect([...rows].filter(([, row]) => row !== null)).toEqual([])
    },
  })
})

/** The sum of the products of rows with the same key. */
function writeSumOfProducts<K>(left: KTable<K, number>, right: KTable<K, number>): void {
  left
    .join(right, { joiner: (l, r) => l * r })
    .groupBy((_key, product) => ['all', product], { name: 'all', keySerde: serdes.string, valueSerde: serdes.int64 })
    .aggregate({
      initializer: () => 0,
      adder: (_key, product, sum) => sum + product,
      subtractor: (_key, product, sum) => sum - product,
      materialized: { name: 'sum', valueSerde: serdes.int64 },
    })
    .toStream()
    .to('sums', { valueSerde: serdes.int64 })
}

it('an aggregate of joined rows subtracts what it has added, although both tables change between two commits', async () => {
  const summed = (): Topology => {
    const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.int64 })
    writeSumOfProducts(builder.table<string, number>('left'), builder.table<string, number>('right'))
    return builder.build()
  }
  const input = Array.from({ length: 60 }, (_, i) => ({
    topic: i % 2 === 0 ? 'left' : 'right',
    key: `row-${(i >> 1) % 3}`,
    value: i + 1,
  }))
  const last = (topic: string, key: string): number =>
    input.findLast((record) => record.topic === topic && record.key === key)?.value ?? 0
  const keys = ['row-0', 'row-1', 'row-2']
  const expected = keys.reduce((sum, key) => sum + last('left', key) * last('right', key), 0)
  await simulate(summed, {
    input,
    seeds: 8,
    faults: NO_FAULTS,
    check: (outputs) => {
      expect(outputs.records<string, number>('sums').at(-1)?.value).toBe(expected)
    },
  })
})

/** The windows or sessions of two streams, joined, and the sum of what they make together. */
function summedWindows(counted: (stream: KStream<string, string>) => KTable<Windowed<string>, number>): () => Topology {
  return () => {
    const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
    const [left, right] = [builder.stream<string, string>('left'), builder.stream<string, string>('right')]
    writeSumOfProducts(counted(left), counted(right))
    return builder.build()
  }
}

describe.each<[string, (stream: KStream<string, string>) => KTable<Windowed<string>, number>]>([
  [
    'windows',
    (stream) =>
      stream
        .groupByKey()
        .windowedBy(timeWindows({ sizeMs: 1000, graceMs: 0 }))
        .count(),
  ],
  [
    'sessions',
    (stream) =>
      stream
        .groupByKey()
        .windowedBySession(sessionWindows({ inactivityGapMs: 1, graceMs: 0 }))
        .count(),
  ],
])('joined %s', (_name, counted) => {
  it('an aggregate subtracts what it has added, although both sides change between two commits', async () => {
    const input = Array.from({ length: 60 }, (_, i) => ({
      topic: i % 2 === 0 ? 'left' : 'right',
      key: `row-${(i >> 1) % 3}`,
      value: 'one',
      timestamp: 500,
    }))
    await simulate(summedWindows(counted), {
      input,
      seeds: 8,
      faults: NO_FAULTS,
      check: (outputs) => {
        expect(outputs.records<string, number>('sums').at(-1)?.value).toBe(3 * 10 * 10)
      },
    })
  })
})
