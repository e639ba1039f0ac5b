import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type JoinWindows,
  joinWindows,
  StreamsBuilder,
  serdes,
  slidingWindows,
  timeWindowedSerde,
} from '../../topology/index.ts'
import { type In, TopologyRun } from '../support/topology-run.ts'

/* Records at the very edge of a join's window and grace. Kafka Streams 4.2.1 loses pairs there, or sends a record alone and joined. */

const S = serdes.string
const N = serdes.int64
const TEXT = { keySerde: S, valueSerde: S }
type Kind = 'inner' | 'left' | 'outer'

function joinOf(kind: Kind, windows: JoinWindows, input: Iterable<In<string>>): string[] {
  const builder = new StreamsBuilder()
  const left = builder.stream<string, string>('left', TEXT)
  const right = builder.stream<string, string>('right', TEXT)
  const options = { ...TEXT, otherValueSerde: S, windows, joiner: (l: unknown, r: unknown) => `${l}+${r}` }
  const joined =
    kind === 'inner'
      ? left.join(right, options)
      : kind === 'left'
        ? left.leftJoin(right, options)
        : left.outerJoin(right, options)
  joined.to('out', TEXT)
  const run = new TopologyRun(builder.build(), S).feed(input)
  return run.read('out', S, S).map(({ value }) => String(value))
}

const left = (timestamp: number, key = 'k'): In<string> => ({ topic: 'left', key, value: `L${timestamp}`, timestamp })
const right = (timestamp: number, key = 'k'): In<string> => ({ topic: 'right', key, value: `R${timestamp}`, timestamp })

describe('an inner join of streams', () => {
  it.each<[string, JoinWindows, In<string>[], string[]]>([
    ['window 0 and grace 0 joins equal times', joinWindows({ timeDifferenceMs: 0 }), [left(5), right(5)], ['L5+R5']],
    [
      'before 0, after 10 joins the last time of the window, behind a later record of the same side',
      joinWindows({ beforeMs: 0, afterMs: 10 }),
      [left(0), left(10), right(10)],
      ['L0+R10', 'L10+R10'],
    ],
    [
      'before 10, after 0 does so from the other side',
      joinWindows({ beforeMs: 10, afterMs: 0 }),
      [right(0), right(10), left(10)],
      ['L10+R0', 'L10+R10'],
    ],
    [
      'a window that lies wholly behind the record joins its last time',
      joinWindows({ beforeMs: -5, afterMs: 10 }),
      [left(0), left(10), right(10)],
      ['L0+R10'],
    ],
    [
      'the last time of the grace',
      joinWindows({ timeDifferenceMs: 10, graceMs: 100 }),
      [left(0), left(110), right(10)],
      ['L0+R10'],
    ],
  ])('%s', (_name, windows, input, expected) => {
    expect(joinOf('inner', windows, input)).toEqual(expected)
  })
})

describe('a left join of streams', () => {
  const windows = joinWindows({ timeDifferenceMs: 10, graceMs: 100 })

  it('lets a late record within the grace wait for a match', () => {
    expect(joinOf('left', windows, [left(50, 'other'), left(0), right(5)])).toEqual(['L0+R5'])
  })

  it('sends an unmatched record once its grace is over, and does not join it later', () => {
    const input = [left(0), right(111, 'other'), right(5), left(0, 'late'), right(5, 'late')]
    expect(joinOf('left', windows, input)).toEqual(['L0+null', 'L0+null'])
  })
})

describe.each<Kind>(['inner', 'left', 'outer'])('%s join of streams, records in any order', (kind) => {
  const record = fc.record({ isLeft: fc.boolean(), timestamp: fc.integer({ min: 0, max: 16 }) })
  const bounds = fc.record({
    beforeMs: fc.integer({ min: -2, max: 4 }),
    afterMs: fc.integer({ min: 2, max: 4 }),
    graceMs: fc.integer({ min: 0, max: 6 }),
  })

  it('joins every pair in time, and sends no record both alone and joined', () => {
    fc.assert(
      fc.property(bounds, fc.array(record, { maxLength: 25 }), (window, records) => {
        // Each time once a side, so that a value names its record.
        const input = records
          .filter((a, i) => records.findIndex((b) => b.isLeft === a.isLeft && b.timestamp === a.timestamp) === i)
          .map(({ isLeft, timestamp }) => (isLeft ? left(timestamp) : right(timestamp)))
        const out = joinOf(kind, joinWindows(window), [...input, left(1000, 'end'), right(1000, 'end')]).filter(
          (line) => !line.includes('1000'),
        )
        expect(new Set(out).size).toBe(out.length)
        const inTime = input.filter(({ timestamp }, i) =>
          input.slice(0, i).every((before) => before.timestamp <= timestamp + window.graceMs),
        )
        for (const l of inTime.filter(({ topic }) => topic === 'left'))
          for (const r of inTime.filter(({ topic }) => topic === 'right')) {
            const isPair = r.timestamp >= l.timestamp - window.beforeMs && r.timestamp <= l.timestamp + window.afterMs
            expect([`${l.value}+${r.value}`, out.includes(`${l.value}+${r.value}`)]).toEqual([
              `${l.value}+${r.value}`,
              isPair,
            ])
          }
        for (const { topic, value } of input) {
          const isOuter = kind === 'outer' || (kind === 'left' && topic === 'left')
          const alone = topic === 'left' ? `${value}+null` : `null+${value}`
          const isJoined = out.some((line) => line !== alone && line.split('+').includes(String(value)))
          expect([value, out.includes(alone)]).toEqual([value, isOuter && !isJoined])
        }
      }),
      { numRuns: 120, seed: 20_261_128 },
    )
  })
})

describe('sliding windows', () => {
  const record = fc.record({ key: fc.constantFrom('a', 'b'), timestamp: fc.integer({ min: 0, max: 40 }) })

  it('count every record in time, at the edges of difference and grace too', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 0, max: 10 }),
        fc.array(record, { maxLength: 30 }),
        (difference, graceMs, records) => {
          const builder = new StreamsBuilder()
          builder
            .stream<string, number>('in', { keySerde: S, valueSerde: N })
            .groupByKey()
            .windowedBy(slidingWindows({ timeDifferenceMs: difference, graceMs }))
            .count()
            .toStream()
            .to('out', { valueSerde: N })
          const input = records.map(({ key, timestamp }) => ({
            topic: 'in',
            key,
            value: 1,
            timestamp: timestamp + difference,
          }))
          const inTime = input.filter(({ timestamp }, i) =>
            input.slice(0, i).every((before) => before.timestamp <= timestamp + graceMs),
          )
          fc.pre(inTime.length === input.length)
          const actual = new Map<string, number | null>()
          for (const { key, value } of new TopologyRun(builder.build(), N)
            .feed(input)
            .read('out', timeWindowedSerde(S, Math.max(1, difference)), N))
            actual.set(`${key?.key}@${key?.window.start}`, value)
          const expected = new Map<string, number>()
          for (const key of ['a', 'b']) {
            const times = input.filter((one) => one.key === key).map(({ timestamp }) => timestamp)
            for (const start of new Set(times.flatMap((time) => [time - difference, time + 1]))) {
              const count = times.filter((time) => time >= start && time <= start + difference).length
              if (count > 0) expected.set(`${key}@${start}`, count)
            }
          }
          expect(actual).toEqual(expected)
        },
      ),
      { numRuns: 120, seed: 20_261_128 },
    )
  })
})
