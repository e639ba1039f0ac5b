import { joinWindows, type StreamsBuilder } from '../../../topology/index.ts'
import type { DslCases } from '../case.ts'
import { kv, kvLong, number, OUT, OUT_L, pair, S, SS, type Text } from '../values.ts'

const BY = { keySerde: S, valueSerde: S }
const WITH = { joiner: (left: Text, right: Text) => pair(left, right), ...BY, otherValueSerde: S }
const stream = (b: StreamsBuilder, topic: string) => b.stream<string, string>(topic, { keySerde: S, valueSerde: S })
const rekeyed = (b: StreamsBuilder, topic = 'in', keys = 3) =>
  stream(b, topic)
    .filter((_key, value) => value !== null)
    .selectKey((_key, value) => `n${number(value) % keys}`)
const even = (_key: string, value: string) => number(value) % 2 === 0

/** Twins of OptimizedCases.java. */
export const optimizedCases: DslCases = {
  'optimized-self-join': (b) => {
    const input = b.stream<string, Text>('in', SS)
    input
      .join<Text, string>(input, { ...WITH, windows: joinWindows({ timeDifferenceMs: 600, graceMs: 1000 }) })
      .to('out', OUT)
  },
  'optimized-self-join-named': (b) => {
    const input = b.stream<string, Text>('in', SS)
    const windows = joinWindows({ beforeMs: 1500, afterMs: 300, graceMs: 500 })
    input.join<Text, string>(input, { ...WITH, windows, name: 'meet', storeName: 'meeting' }).to('out', OUT)
  },
  'optimized-self-join-rekeyed': (b) => {
    const input = rekeyed(b)
    input.join(input, { ...WITH, windows: joinWindows({ timeDifferenceMs: 500, graceMs: 0 }) }).to('out', OUT)
  },
  'optimized-two-aggregates': (b) => {
    const input = rekeyed(b)
    input
      .groupByKey(BY)
      .count({ materialized: kvLong('counts') })
      .toStream()
      .to('counts-out', OUT_L)
    input
      .filter(even)
      .groupByKey(BY)
      .reduce((a, v) => `${a}|${v}`, { materialized: kv('joined') })
      .toStream()
      .to('out', OUT)
  },
  'optimized-generated-names': (b) => {
    const input = rekeyed(b)
    input.filter(even).groupByKey(BY).count().toStream().to('counts-out', OUT_L)
    input
      .peek(() => undefined)
      .groupByKey(BY)
      .reduce((_a, v) => v)
      .toStream()
      .to('out', OUT)
    input.toTable({ materialized: kv('rows') })
  },
  'optimized-aggregate-and-joins': (b) => {
    const input = rekeyed(b)
    input
      .groupByKey({ ...BY, name: 'by-row' })
      .count({ materialized: kvLong('counts') })
      .toStream()
      .to('counts-out', OUT_L)
    input
      .leftJoin(stream(b, 'other'), { ...WITH, windows: joinWindows({ timeDifferenceMs: 700, graceMs: 0 }) })
      .to('out', OUT)
  },
  'optimized-below-a-merge': (b) => {
    const merged = rekeyed(b).merge(rekeyed(b, 'other', 2))
    merged
      .groupByKey(BY)
      .count({ materialized: kvLong('counts') })
      .toStream()
      .to('counts-out', OUT_L)
    merged
      .filter(even)
      .groupByKey(BY)
      .reduce((_a, v) => v, { materialized: kv('latest') })
      .toStream()
      .to('out', OUT)
  },
  'optimized-behind-changed-values': (b) => {
    const input = rekeyed(b)
    input
      .mapValues((value) => `${value}!`)
      .groupByKey(BY)
      .reduce((a, v) => a + v, { materialized: kv('joined') })
      .toStream()
      .to('out', OUT)
    input
      .groupByKey(BY)
      .count({ materialized: kvLong('counts') })
      .toStream()
      .to('counts-out', OUT_L)
  },
}
