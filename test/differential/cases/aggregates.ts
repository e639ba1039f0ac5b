import { type StreamsBuilder, sessionWindows, slidingWindows, timeWindows } from '../../../topology/index.ts'
import type { DslCases } from '../case.ts'
import {
  kept,
  kv,
  kvLong,
  L,
  type Long,
  number,
  OUT,
  OUT_L,
  reference,
  S,
  SL,
  SS,
  sessions,
  type Text,
  windowed,
} from '../values.ts'

const BY = { keySerde: S, valueSerde: S }
const BY_L = { keySerde: S, valueSerde: L }
const texts = (b: StreamsBuilder) => b.stream<string, Text>('in', SS)
const grouped = (b: StreamsBuilder) => texts(b).groupByKey(BY)
const groupedLong = (b: StreamsBuilder) => b.stream<string, Long>('in', SL).groupByKey(BY_L)
const trace = (_key: string, value: Text, aggregate: string) => `${aggregate},${value}`

const traceLong = (_key: string, value: Long, aggregate: string) => `${aggregate}/${value}`
const left = (b: StreamsBuilder) => b.stream<string, Text>('left', SS).groupByKey(BY).cogroup<string>(trace)
const both = (b: StreamsBuilder) => left(b).cogroup(b.stream<string, Long>('right', SL).groupByKey(BY_L), traceLong)

/** Twins of AggregateCases.java. */
export const aggregateCases: DslCases = {
  count: (b) =>
    grouped(b)
      .count({ materialized: kvLong('counts') })
      .toStream()
      .to('out', OUT_L),
  'count-auto-name': (b) => grouped(b).count().toStream().to('out', OUT_L),
  'count-uncached': (b) =>
    grouped(b)
      .count({ materialized: { ...kvLong('counts'), caching: false } })
      .toStream()
      .to('out', OUT_L),
  'count-named-operator': (b) =>
    texts(b)
      .groupByKey({ name: 'grouping', ...BY })
      .count({ name: 'counting', materialized: { keySerde: S, valueSerde: L } })
      .toStream({ name: 'unfolding' })
      .to('out', OUT_L),
  reduce: (b) =>
    groupedLong(b)
      .reduce((a, v) => a + v, { materialized: kvLong('sums') })
      .toStream()
      .to('out', OUT_L),
  'reduce-uncached': (b) =>
    groupedLong(b)
      .reduce(Math.max, { materialized: { ...kvLong('greatest'), caching: false } })
      .toStream()
      .to('out', OUT_L),
  'reduce-to-null': (b) =>
    groupedLong(b)
      .reduce((a, v) => (v === 0 ? null : a + v), { materialized: kvLong('sums') })
      .toStream()
      .to('out', OUT_L),
  aggregate: (b) =>
    grouped(b)
      .aggregate({ initializer: () => '', aggregator: trace, materialized: kv('traces') })
      .toStream()
      .to('out', OUT),
  'aggregate-to-null': (b) =>
    groupedLong(b)
      .aggregate({
        initializer: () => 100,
        aggregator: (_key, value, total) => (value === 3 ? null : total + value),
        materialized: kvLong('sums'),
      })
      .toStream()
      .to('out', OUT_L),
  'group-by-count': (b) =>
    texts(b)
      .groupBy((_key, value) => (value === null ? null : `n${number(value) % 5}`), BY)
      .count({ materialized: kvLong('counts') })
      .toStream()
      .to('out', OUT_L),
  'group-by-named-repartition': (b) =>
    texts(b)
      .groupBy((_key, value) => reference(value), { name: 'by-row', ...BY })
      .reduce((a, v) => `${a}|${v}`, { materialized: kv('joined') })
      .toStream()
      .to('out', OUT),
  'map-then-group-by-key': (b) =>
    texts(b)
      .filter((_key, value) => value !== null)
      .map((_key, value) => [`n${number(value) % 3}`, number(value)])
      .groupByKey(BY_L)
      .reduce((a, v) => a + v)
      .toStream()
      .to('out', OUT_L),
  'rekey-two-aggregates': (b) => {
    const shared = texts(b)
      .filter((_key, value) => value !== null)
      .selectKey((_key, value) => `n${number(value) % 3}`)
      .groupByKey({ name: 'shared', ...BY })
    shared
      .count({ materialized: kvLong('counts') })
      .toStream()
      .to('counts-out', OUT_L)
    shared
      .reduce((_a, v) => v, { materialized: kv('latest') })
      .toStream()
      .to('latest-out', OUT)
  },
  'count-to-stream-filter-table': (b) =>
    grouped(b)
      .count({ materialized: kvLong('counts') })
      .filter((_key, count) => count % 2 === 0)
      .toStream()
      .to('out', OUT_L),
  'count-headers': (b) =>
    grouped(b)
      .count({ materialized: kvLong('counts') })
      .toStream()
      .to('out', OUT_L),
  'cogroup-one': (b) =>
    grouped(b)
      .cogroup<string>(trace)
      .aggregate({ initializer: () => '', materialized: kv('traces') })
      .toStream()
      .to('out', OUT),
  'cogroup-two': (b) =>
    both(b)
      .aggregate({ initializer: () => '^', materialized: kv('traces') })
      .toStream()
      .to('out', OUT),
  'cogroup-three-rekeyed': (b) =>
    both(b)
      .cogroup(
        b
          .stream<string, Text>('third', SS)
          .groupBy((_key, value) => (value === null ? (null as unknown as string) : 'a'), BY),
        trace,
      )
      .aggregate({ name: 'together', initializer: () => '^', materialized: kv('traces') })
      .toStream()
      .to('out', OUT),
  'cogroup-tumbling': (b) =>
    both(b)
      .windowedBy(timeWindows({ sizeMs: 2000, graceMs: 1000 }))
      .aggregate({ initializer: () => '^', materialized: kv('traces') })
      .toStream()
      .to('out', windowed(2000, S)),
  'cogroup-sliding': (b) =>
    both(b)
      .windowedBy(slidingWindows({ timeDifferenceMs: 1000, graceMs: 500 }))
      .aggregate({ initializer: () => '^', materialized: kv('traces') })
      .toStream()
      .to('out', windowed(1000, S)),
  'cogroup-session': (b) =>
    both(b)
      .windowedBySession(sessionWindows({ inactivityGapMs: 1200, graceMs: 500 }))
      .aggregate({ initializer: () => '^', merger: (_key, x, y) => x + y, materialized: kept('traces') })
      .toStream()
      .to('out', sessions(S)),
}
