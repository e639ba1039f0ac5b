import type { StreamsBuilder } from '../../../topology/index.ts'
import type { DslCases } from '../case.ts'
import { even, kv, kvLong, L, number, OUT, OUT_L, pair, reference, S, SS, type Text } from '../values.ts'

const joiner = (left: Text, right: Text) => pair(left, right)
const withKey = (left: Text, right: Text, key: string) => `${key}:${pair(left, right)}`
const JOINED = { joiner, keySerde: S, valueSerde: S }
const BUFFERED = { ...JOINED, name: 'buffered', graceMs: 1500 }
const stream = (b: StreamsBuilder) => b.stream<string, Text>('left', SS)
const table = (b: StreamsBuilder, topic: string, name?: string) =>
  b.table<string, Text>(topic, name === undefined ? SS : { ...SS, materialized: kv(name) })
const uncached = (name: string) => ({ ...kv(name), caching: false })
const history = (name: string, historyRetentionMs: number) => ({ ...kv(name), historyRetentionMs })
const letter = (value: Text) => 'abcd'.charAt(number(value) % 4)
const rekeyed = (b: StreamsBuilder) =>
  stream(b)
    .filter((_key, value) => value !== null)
    .selectKey((_key, value) => letter(value))
const foreignKey = { foreignKeyExtractor: (value: Text) => reference(value), joiner }

/** Twins of TableJoinCases.java. */
export const tableJoinCases: DslCases = {
  'stream-table-inner': (b) => stream(b).joinTable(table(b, 'right'), JOINED).to('out', OUT),
  'stream-table-left': (b) =>
    stream(b)
      .leftJoinTable(table(b, 'right', 'rows'), { ...JOINED, name: 'enrich', joiner: withKey })
      .to('out', OUT),
  'stream-table-rekeyed': (b) => rekeyed(b).joinTable(table(b, 'right'), JOINED).to('out', OUT),
  'stream-table-rekeyed-named': (b) =>
    rekeyed(b)
      .leftJoinTable(table(b, 'right'), { ...JOINED, name: 'enrich' })
      .to('out', OUT),
  'stream-table-filtered': (b) => {
    const left = stream(b)
    const right = table(b, 'right')
      .filter((_key, value) => even(value))
      .mapValues((value) => `${value}m`)
    left.joinTable(right, JOINED).to('out', OUT)
  },
  'stream-aggregate-join': (b) => {
    const left = stream(b)
    const right = b.stream<string, Text>('right', SS).groupByKey(SS).count()
    left.joinTable(right, { ...JOINED, joiner: pair }).to('out', OUT)
  },
  'stream-table-versioned': (b) =>
    stream(b)
      .joinTable(b.table<string, Text>('right', { ...SS, materialized: history('history', 5000) }), JOINED)
      .to('out', OUT),
  'stream-table-versioned-grace': (b) =>
    stream(b)
      .joinTable(b.table<string, Text>('right', { ...SS, materialized: history('history', 8000) }), BUFFERED)
      .to('out', OUT),
  'stream-table-versioned-grace-left': (b) =>
    stream(b)
      .leftJoinTable(b.table<string, Text>('right', { ...SS, materialized: history('history', 8000) }), BUFFERED)
      .to('out', OUT),
  'table-table-inner': (b) => table(b, 'left').join(table(b, 'right'), { joiner }).toStream().to('out', OUT),
  'table-table-left': (b) => table(b, 'left').leftJoin(table(b, 'right'), { joiner }).toStream().to('out', OUT),
  'table-table-outer': (b) => table(b, 'left').outerJoin(table(b, 'right'), { joiner }).toStream().to('out', OUT),
  'table-table-inner-disorder': (b) =>
    table(b, 'left', 'lefts')
      .join(table(b, 'right', 'rights'), { joiner, materialized: kv('joined') })
      .toStream()
      .to('out', OUT),
  'table-table-outer-materialized': (b) =>
    table(b, 'left')
      .outerJoin(table(b, 'right'), { name: 'both', joiner, materialized: kv('joined') })
      .toStream()
      .to('out', OUT),
  'table-table-left-uncached': (b) => {
    const left = b.table<string, Text>('left', { ...SS, materialized: uncached('lefts') })
    const right = b.table<string, Text>('right', { ...SS, materialized: uncached('rights') })
    left
      .leftJoin(right, { joiner, materialized: uncached('joined') })
      .toStream()
      .to('out', OUT)
  },
  'table-table-chained': (b) =>
    table(b, 'left')
      .join(table(b, 'right'), { joiner })
      .leftJoin(table(b, 'third'), { joiner })
      .toStream()
      .to('out', OUT),
  'table-table-outer-chained': (b) =>
    table(b, 'left')
      .outerJoin(table(b, 'right'), { joiner })
      .outerJoin(table(b, 'third'), { joiner, materialized: kv('joined') })
      .toStream()
      .to('out', OUT),
  'table-table-filtered': (b) => {
    const left = table(b, 'left').filter((_key, value) => even(value))
    left.leftJoin(table(b, 'right').mapValues(number), { joiner: pair }).toStream().to('out', OUT)
  },
  'table-table-then-group': (b) =>
    table(b, 'left')
      .join(table(b, 'right'), { joiner: (left, right) => number(left) + number(right) })
      .groupBy((key, value) => [`g${key.charCodeAt(0) % 2}`, value], { keySerde: S, valueSerde: L })
      .reduce({ adder: (a, v) => a + v, subtractor: (a, v) => a - v, materialized: kvLong('sums') })
      .toStream()
      .to('out', OUT_L),
  'table-self-join': (b) => {
    const rows = table(b, 'left')
    rows
      .join(
        rows.mapValues((value) => `${value}m`),
        { joiner },
      )
      .toStream()
      .to('out', OUT)
  },
  'foreign-key-inner': (b) =>
    table(b, 'left').joinOnForeignKey(table(b, 'right'), foreignKey).toStream().to('out', OUT),
  'foreign-key-left': (b) =>
    table(b, 'left').leftJoinOnForeignKey(table(b, 'right'), foreignKey).toStream().to('out', OUT),
  'foreign-key-inner-materialized': (b) =>
    table(b, 'left')
      .joinOnForeignKey(table(b, 'right'), { ...foreignKey, name: 'by-row', materialized: kv('joined') })
      .toStream()
      .to('out', OUT),
  'foreign-key-left-materialized': (b) =>
    table(b, 'left', 'lefts')
      .leftJoinOnForeignKey(table(b, 'right', 'rights'), {
        foreignKeyExtractor: (value: Text, key: string) => (key === 'd' ? null : reference(value)),
        joiner,
        materialized: kv('joined'),
      })
      .toStream()
      .to('out', OUT),
  'stream-global-inner': (b) => {
    const rows = b.globalTable<string, Text>('right', SS)
    stream(b)
      .joinGlobal(rows, { keySelector: (_key, value) => reference(value), joiner })
      .to('out', OUT)
  },
  'stream-global-left': (b) => {
    const rows = b.globalTable<string, Text>('right', { ...SS, materialized: kv('rows') })
    stream(b)
      .leftJoinGlobal(rows, { name: 'lookup', keySelector: (_key, value) => reference(value), joiner })
      .to('out', OUT)
  },
  'stream-global-with-key': (b) => {
    const rows = b.globalTable<string, Text>('right', SS)
    stream(b)
      .leftJoinGlobal(rows, { keySelector: (key) => key, joiner: withKey })
      .to('out', OUT)
  },
}
