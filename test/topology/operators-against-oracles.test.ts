import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  joinWindows,
  StreamsBuilder,
  serdes,
  sessionWindowedSerde,
  sessionWindows,
  slidingWindows,
  timeWindowedSerde,
  timeWindows,
} from '../../topology/index.ts'
import { type In, TopologyRun } from '../support/topology-run.ts'

const S = serdes.string
const N = serdes.int64
const NUMBERS = { keySerde: S, valueSerde: N }
const TEXT = { keySerde: S, valueSerde: S }

/** Records of a topic with keys a to d, timestamps in any order. */
const records = <V>(topic: string, value: fc.Arbitrary<V | null>, span = 200): fc.Arbitrary<In<V>[]> =>
  fc.array(
    fc.record({
      topic: fc.constant(topic),
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      value,
      timestamp: fc.integer({ min: 0, max: span }),
    }),
    { maxLength: 40 },
  )
const small = fc.integer({ min: 0, max: 9 })
const runs = { numRuns: 30, seed: 20_261_123 }

/** The latest value per key, null deletes. */
function latest<V>(list: readonly In<V>[]): Map<string, V> {
  const rows = new Map<string, V>()
  for (const { key, value } of list) {
    if (key === null) continue
    if (value === null) rows.delete(key)
    else rows.set(key, value)
  }
  return rows
}

describe('aggregates over tables', () => {
  it('equal the aggregate of the existing rows, after any updates and deletions', () => {
    const build = () => {
      const builder = new StreamsBuilder()
      builder
        .table<string, number>('in', NUMBERS)
        .groupBy((_key, value) => (value === 9 ? null : [`g${value % 3}`, value]), NUMBERS)
        .aggregate({
          initializer: () => 0,
          adder: (_key, value, sum) => sum + value,
          subtractor: (_key, value, sum) => sum - value,
          materialized: { name: 'sums', valueSerde: N },
        })
        .toStream()
        .to('out', NUMBERS)
      return builder.build()
    }
    fc.assert(
      fc.property(records<number>('in', fc.option(small)), (list) => {
        const expected = new Map<string, number>()
        for (const value of latest(list).values())
          if (value !== 9) expected.set(`g${value % 3}`, (expected.get(`g${value % 3}`) ?? 0) + value)
        const actual = new TopologyRun(build(), N).feed(list).table('out', N)
        for (const [key, sum] of actual) expect(sum).toBe(expected.get(key) ?? 0)
        for (const [key, sum] of expected) expect(actual.get(key)).toBe(sum)
      }),
      runs,
    )
  })
})

describe('joins of tables', () => {
  const both = fc.tuple(
    records<number>('left', fc.option(small)),
    records<number>('right', fc.option(small)),
    fc.infiniteStream(fc.boolean()),
  )
  const shuffle = <V>([left, right, coin]: [In<V>[], In<V>[], Iterable<boolean>]): In<V>[] => {
    const [a, b] = [[...left], [...right]]
    const mixed: In<V>[] = []
    for (const takeLeft of coin) {
      const next = takeLeft ? (a.shift() ?? b.shift()) : (b.shift() ?? a.shift())
      if (next === undefined) break
      mixed.push(next)
    }
    return mixed
  }

  it.each(['inner', 'left', 'outer'] as const)('%s: the result is the join of the existing rows', (kind) => {
    const build = () => {
      const builder = new StreamsBuilder()
      const left = builder.table<string, number>('left', NUMBERS)
      const right = builder.table<string, number>('right', NUMBERS)
      const joiner = (l: number | null, r: number | null) => `${l}+${r}`
      const joined =
        kind === 'inner'
          ? left.join(right, { joiner })
          : kind === 'left'
            ? left.leftJoin(right, { joiner })
            : left.outerJoin(right, { joiner })
      joined.toStream().to('out', TEXT)
      return builder.build()
    }
    fc.assert(
      fc.property(both, (input) => {
        const list = shuffle(input)
        const left = latest(list.filter(({ topic }) => topic === 'left'))
        const right = latest(list.filter(({ topic }) => topic === 'right'))
        const expected = new Map<string, string>()
        for (const key of ['a', 'b', 'c', 'd']) {
          const [l, r] = [left.get(key) ?? null, right.get(key) ?? null]
          const there =
            kind === 'inner' ? l !== null && r !== null : kind === 'left' ? l !== null : l !== null || r !== null
          if (there) expected.set(key, `${l}+${r}`)
        }
        expect(new TopologyRun(build(), N).feed(list).table('out', S)).toEqual(expected)
      }),
      runs,
    )
  })

  it.each(['inner', 'left'] as const)('%s on a foreign key: the result is the join of the existing rows', (kind) => {
    const build = () => {
      const builder = new StreamsBuilder()
      const left = builder.table<string, number>('left', NUMBERS)
      const right = builder.table<string, number>('right', NUMBERS)
      const foreignKeyExtractor = (value: number) => ['a', 'b', 'c', 'd', null][value % 5] ?? null
      const joiner = (l: number, r: number | null) => `${l}+${r}`
      const joined =
        kind === 'inner'
          ? left.joinOnForeignKey(right, { foreignKeyExtractor, joiner })
          : left.leftJoinOnForeignKey(right, { foreignKeyExtractor, joiner })
      joined.toStream().to('out', TEXT)
      return builder.build()
    }
    fc.assert(
      fc.property(both, (input) => {
        const list = shuffle(input)
        const left = latest(list.filter(({ topic }) => topic === 'left'))
        const right = latest(list.filter(({ topic }) => topic === 'right'))
        const expected = new Map<string, string>()
        for (const [key, value] of left) {
          const foreign = right.get(['a', 'b', 'c', 'd', ''][value % 5] ?? '') ?? null
          if (kind === 'left' || foreign !== null) expected.set(key, `${value}+${foreign}`)
        }
        expect(new TopologyRun(build(), N).feed(list).table('out', S)).toEqual(expected)
      }),
      runs,
    )
  })

  it.each([
    ['inner', 'in any order'],
    ['outer', 'in order of time'],
  ] as const)('of streams, %s: every pair within the window, records coming %s', (kind, order) => {
    const build = () => {
      const builder = new StreamsBuilder()
      const left = builder.stream<string, number>('left', NUMBERS)
      left[kind === 'inner' ? 'join' : 'outerJoin'](builder.stream<string, number>('right', NUMBERS), {
        joiner: (l, r) => `${l}+${r}`,
        windows: joinWindows({ beforeMs: 20, afterMs: 10, graceMs: 1000 }),
      }).to('out', TEXT)
      return builder.build()
    }
    fc.assert(
      fc.property(both, (input) => {
        const list = shuffle(input).map((entry, i) => ({ ...entry, value: i }))
        // Out of order, Kafka Streams may send a record on alone before its grace is over.
        if (order === 'in order of time') list.sort((a, b) => a.timestamp - b.timestamp)
        const of = (topic: string) => list.filter((entry) => entry.topic === topic)
        const matches = (l: In<number>, r: In<number>) =>
          l.key === r.key && r.timestamp >= l.timestamp - 20 && r.timestamp <= l.timestamp + 10
        const expected: string[] = []
        for (const l of of('left')) {
          const pairs = of('right').filter((r) => matches(l, r))
          expected.push(...pairs.map((r) => `${l.key} ${l.value}+${r.value}`))
          if (pairs.length === 0 && kind === 'outer') expected.push(`${l.key} ${l.value}+null`)
        }
        for (const r of of('right'))
          if (kind === 'outer' && !of('left').some((l) => matches(l, r))) expected.push(`${r.key} null+${r.value}`)
        const end = { topic: 'left', key: 'z', value: -1, timestamp: 10_000 }
        const run = new TopologyRun(build(), N).feed([...list, end])
        const actual = run.read('out', S, S).map(({ key, value }) => `${key} ${value}`)
        expect(actual.toSorted()).toEqual(expected.toSorted())
      }),
      runs,
    )
  })
})

describe('windows, when grace is long enough', () => {
  const input = records<number>('in', small, 120)
  const GRACE = 1000

  it('count in hopping windows the records of each window', () => {
    const windows = timeWindows({ sizeMs: 30, advanceMs: 10, graceMs: GRACE })
    const builder = () => {
      const b = new StreamsBuilder()
      b.stream<string, number>('in', NUMBERS)
        .groupByKey()
        .windowedBy(windows)
        .count()
        .toStream()
        .to('out', { valueSerde: N })
      return b.build()
    }
    fc.assert(
      fc.property(input, (list) => {
        const expected = new Map<string, number>()
        for (const { key, timestamp } of list)
          for (let start = 0; start <= timestamp; start += 10)
            if (timestamp < start + 30) expected.set(`${key}@${start}`, (expected.get(`${key}@${start}`) ?? 0) + 1)
        const actual = new Map<string, number | null>()
        for (const { key, value } of new TopologyRun(builder(), N).feed(list).read('out', timeWindowedSerde(S, 30), N))
          actual.set(`${key?.key}@${key?.window.start}`, value)
        expect(actual).toEqual(expected)
      }),
      runs,
    )
  })

  it('hold in sliding windows every set of records within the difference', () => {
    const windows = slidingWindows({ timeDifferenceMs: 20, graceMs: GRACE })
    const builder = () => {
      const b = new StreamsBuilder()
      b.stream<string, number>('in', NUMBERS)
        .groupByKey()
        .windowedBy(windows)
        .count()
        .toStream()
        .to('out', { valueSerde: N })
      return b.build()
    }
    // Records before the size of a window share the one from 0, which Kafka Streams treats apart.
    const later = input.map((list) => list.map((entry) => ({ ...entry, timestamp: entry.timestamp + 20 })))
    fc.assert(
      fc.property(later, (list) => {
        const expected = new Map<string, number>()
        for (const key of ['a', 'b', 'c', 'd']) {
          const times = list.filter((entry) => entry.key === key).map(({ timestamp }) => timestamp)
          const starts = new Set(times.flatMap((time) => [time - 20, time + 1]))
          for (const start of starts) {
            const count = times.filter((time) => time >= start && time <= start + 20).length
            if (count > 0) expected.set(`${key}@${start}`, count)
          }
        }
        const actual = new Map<string, number | null>()
        for (const { key, value } of new TopologyRun(builder(), N).feed(list).read('out', timeWindowedSerde(S, 20), N))
          actual.set(`${key?.key}@${key?.window.start}`, value)
        expect(actual).toEqual(expected)
      }),
      runs,
    )
  })

  it('form sessions from records without a gap', () => {
    const windows = sessionWindows({ inactivityGapMs: 15, graceMs: GRACE })
    const builder = () => {
      const b = new StreamsBuilder()
      b.stream<string, number>('in', NUMBERS)
        .groupByKey()
        .windowedBySession(windows)
        .count()
        .toStream()
        .to('out', { valueSerde: N })
      return b.build()
    }
    fc.assert(
      fc.property(input, (list) => {
        const expected = new Map<string, number>()
        for (const key of ['a', 'b', 'c', 'd']) {
          const times = list.filter((entry) => entry.key === key).map(({ timestamp }) => timestamp)
          let session: number[] = []
          for (const time of [...times.toSorted((a, b) => a - b), Number.POSITIVE_INFINITY]) {
            const end = session.at(-1)
            if (end !== undefined && time > end + 15) {
              expected.set(`${key}@${session[0]}-${end}`, session.length)
              session = []
            }
            session.push(time)
          }
        }
        const actual = new Map<string, number | null>()
        for (const { key, value } of new TopologyRun(builder(), N).feed(list).read('out', sessionWindowedSerde(S), N)) {
          const name = `${key?.key}@${key?.window.start}-${key?.window.end}`
          if (value === null) actual.delete(name)
          else actual.set(name, value)
        }
        expect(actual).toEqual(expected)
      }),
      runs,
    )
  })

  it.each(['emit', 'suppress'] as const)('send the final results (%s) of all windows, each once', (how) => {
    const windows = timeWindows({ sizeMs: 30, graceMs: 200 })
    const builder = () => {
      const b = new StreamsBuilder()
      const windowed = b.stream<string, number>('in', NUMBERS).groupByKey().windowedBy(windows)
      const counts =
        how === 'emit'
          ? windowed.emitStrategy('on-window-close').count()
          : windowed.count().suppress({ until: 'window-closes' })
      counts.toStream().to('out', { valueSerde: N })
      return b.build()
    }
    fc.assert(
      fc.property(input, (list) => {
        const expected = new Map<string, number>()
        for (const { key, timestamp } of list) {
          const name = `${key}@${timestamp - (timestamp % 30)}`
          expected.set(name, (expected.get(name) ?? 0) + 1)
        }
        // Far later: nothing may be lost when stream time jumps.
        const end = { topic: 'in', key: 'z', value: 0, timestamp: 1_000_000 }
        const run = new TopologyRun(builder(), N).feed([...list, end])
        const actual = run.read('out', timeWindowedSerde(S, 30), N)
        expect(actual.map(({ key, value }) => [`${key?.key}@${key?.window.start}`, value]).toSorted()).toEqual(
          [...expected].toSorted(),
        )
      }),
      runs,
    )
  })
})
