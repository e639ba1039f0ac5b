import { describe, expect, it } from 'vitest'
import {
  StreamsBuilder,
  serdes,
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

describe('late records', () => {
  const at = (timestamp: number, value: number, key = 'k'): In<number> => ({ topic: 'in', key, value, timestamp })

  it('are counted for each window they miss, and go unchanged to the late topic when no window accepted them', () => {
    const builder = new StreamsBuilder()
    builder
      .stream<string, number>('in', NUMBERS)
      .groupByKey()
      .windowedBy(timeWindows({ sizeMs: 30, advanceMs: 10 }))
      .lateRecordsTo('late')
      .count()
      .toStream()
      .to('out', { valueSerde: N })
    const run = new TopologyRun(builder.build(), N).feed([at(100, 1), at(85, 2), at(20, 3)])
    // 85 is in the windows from 60, 70 and 80; the first two are closed. 20 is in those from 0, 10 and 20: all closed.
    expect(run.read('late', S, N)).toEqual([{ key: 'k', value: 3, timestamp: 20 }])
    expect(run.dropped()).toEqual({ late: 5 })
    expect(run.read('out', timeWindowedSerde(S, 30), N).map(({ key, value }) => [key?.window.start, value])).toEqual([
      [80, 1],
      [90, 1],
      [100, 1],
      [80, 2],
    ])
  })

  it('of sessions and sliding windows are counted too', () => {
    const builder = new StreamsBuilder()
    const grouped = builder.stream<string, number>('in', NUMBERS).groupByKey()
    grouped
      .windowedBySession(sessionWindows({ inactivityGapMs: 5 }))
      .lateRecordsTo('late-session')
      .count()
    grouped
      .windowedBy(slidingWindows({ timeDifferenceMs: 5 }))
      .lateRecordsTo('late-sliding')
      .count()
    const run = new TopologyRun(builder.build(), N).feed([at(100, 1), at(50, 2), at(96, 3)])
    expect(run.read('late-session', S, N)).toEqual([{ key: 'k', value: 2, timestamp: 50 }])
    // 96 is too late for [91, 96], which ends with it, and in time for [95, 100].
    expect(run.read('late-sliding', S, N).map(({ value }) => value)).toEqual([2])
  })
})

describe('suppress', () => {
  const table = (buffer: object) => {
    const builder = new StreamsBuilder()
    builder
      .table<string, string>('in', TEXT)
      .suppress({ until: 'time-limit', limitMs: 1000, buffer })
      .toStream()
      .to('out', TEXT)
    return new TopologyRun(builder.build(), S)
  }
  const at = (key: string, value: string): In<string> => ({ topic: 'in', key, value, timestamp: 10 })

  it('emits early when the buffer is full, unless it is to stop the instance', () => {
    const full = { maxRecords: 1, whenFull: 'shut-down' }
    expect(() => table(full).feed([at('a', '1'), at('b', '2')])).toThrow('give it more room')
    const run = table({ maxRecords: 1 }).feed([at('b', '1'), at('a', '2')])
    // Same time: the smaller key leaves first.
    expect(run.read('out', S, S)).toEqual([{ key: 'a', value: '2', timestamp: 10 }])
  })

  it('holds everything without a limit, also when that is said', () => {
    const unbounded = { maxRecords: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY }
    const run = table(unbounded).feed([at('a', '1'), at('b', '2')])
    expect(run.read('out', S, S)).toEqual([])
  })

  it('never emits the results of windows early', () => {
    const builder = new StreamsBuilder({ defaultKeySerde: S, defaultValueSerde: S })
    const counts = builder
      .stream<string, string>('in')
      .groupByKey()
      .windowedBy(timeWindows({ sizeMs: 10 }))
      .count()
    counts.suppress({ until: 'window-closes', buffer: { maxRecords: 1 } })
    expect(() => new TopologyRun(builder.build(), S).feed([at('a', '1'), at('b', '2')])).toThrow('give it more room')
  })

  it('counts bytes of keys and values', () => {
    // 8 (time) + 1 (key) + 4 (value) + 20 (time, offset, partition) = 33 per record.
    const run = table({ maxBytes: 66, whenFull: 'emit-early' }).feed([at('a', 'aaaa'), at('b', 'bbbb')])
    expect(run.read('out', S, S)).toEqual([])
    run.feed([at('b', 'bbbbb')])
    expect(run.read('out', S, S)).toEqual([{ key: 'a', value: 'aaaa', timestamp: 10 }])
  })

  it('lets a join see the value before the suppressed change', () => {
    const builder = new StreamsBuilder()
    const held = builder.table<string, string>('in', TEXT).suppress({ until: 'time-limit', limitMs: 1000 })
    builder
      .stream<string, string>('asks', TEXT)
      .leftJoinTable(held, { joiner: (l, r) => `${l}${r}` })
      .to('out', TEXT)
    const ask = { topic: 'asks', key: 'a', value: '?', timestamp: 10 }
    const run = new TopologyRun(builder.build(), S).feed([
      at('a', '1'),
      ask,
      { ...at('z', 'z'), timestamp: 2000 },
      ask,
      { ...at('a', '2'), timestamp: 2000 },
      ask,
    ])
    expect(run.read('out', S, S).map(({ value }) => value)).toEqual(['?null', '?1', '?1'])
  })
})

describe('processValues', () => {
  it('refuses a changed key', () => {
    const builder = new StreamsBuilder()
    builder
      .stream<string, string>('in', TEXT)
      .processValues<string>(() => {
        let forward: (key: string, value: string) => void
        return {
          init(context) {
            forward = (key, value) => context.forward({ key, value, timestamp: 0, headers: [] })
          },
          process({ key, value }) {
            forward(value === 'bad' ? 'other' : key, value)
          },
        }
      })
      .to('out', TEXT)
    const run = new TopologyRun(builder.build(), S).feed([{ topic: 'in', key: 'a', value: 'good', timestamp: 1 }])
    expect(run.read('out', S, S)).toEqual([{ key: 'a', value: 'good', timestamp: 0 }])
    expect(() => run.feed([{ topic: 'in', key: 'a', value: 'bad', timestamp: 1 }])).toThrow('must not change the key')
  })
})
