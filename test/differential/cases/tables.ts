import type { KeyValueStore } from '../../../state/ports/stores.ts'
import type { ProcessorContext, StreamsBuilder, ValueTransformer } from '../../../topology/index.ts'
import type { DslCases } from '../case.ts'
import {
  counts,
  even,
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
  type Text,
} from '../values.ts'

const read = (b: StreamsBuilder) => b.table<string, Text>('in', SS)
const readInto = (b: StreamsBuilder, name: string) => b.table<string, Text>('in', { ...SS, materialized: kv(name) })
const BY = { keySerde: S, valueSerde: S }
const BY_L = { keySerde: S, valueSerde: L }
const minus = { adder: (a: number, v: number) => a + v, subtractor: (a: number, v: number) => a - v }

/** Twins of TableCases.java. */
export const tableCases: DslCases = {
  'table-to-stream': (b) => read(b).toStream().to('out', OUT),
  'table-materialized': (b) => readInto(b, 'rows').toStream().to('out', OUT),
  'table-materialized-uncached': (b) =>
    b
      .table<string, Text>('in', { ...SS, materialized: { ...kv('rows'), caching: false } })
      .toStream()
      .to('out', OUT),
  'table-to-stream-rekeyed': (b) =>
    read(b)
      .toStream()
      .selectKey((key) => key + key)
      .to('out', OUT),
  'table-filter': (b) =>
    read(b)
      .filter((_key, value) => even(value))
      .toStream()
      .to('out', OUT),
  'table-filter-not': (b) =>
    readInto(b, 'rows')
      .filterNot((_key, value) => even(value))
      .toStream()
      .to('out', OUT),
  'table-filter-materialized': (b) =>
    read(b)
      .filter((_key, value) => even(value), { name: 'evens', materialized: kv('even-rows') })
      .toStream()
      .to('out', OUT),
  'table-filter-materialized-uncached': (b) =>
    read(b)
      .filter((_key, value) => even(value), { materialized: { ...kv('even-rows'), caching: false } })
      .toStream()
      .to('out', OUT),
  'table-map-values': (b) => read(b).mapValues(number).toStream().to('out', OUT_L),
  'table-map-values-materialized': (b) =>
    read(b)
      .mapValues((value, key) => key + value, { materialized: kv('mapped') })
      .toStream()
      .to('out', OUT),
  'table-filter-map-filter': (b) =>
    read(b)
      .filter((_key, value) => number(value) % 3 !== 0)
      .mapValues((value) => `${value}m`)
      .filterNot((key) => key === 'b')
      .toStream()
      .to('out', OUT),
  'table-transform-values': (b) => {
    b.addStateStore({ ...counts, name: 'seen' })
    read(b)
      .transformValues(() => new Seen(), { stores: ['seen'] })
      .toStream()
      .to('out', OUT)
  },
  'table-transform-values-materialized': (b) =>
    read(b)
      .transformValues(() => ({ transform: (key, value) => (value === null ? `gone-${key}` : `${value}-${key}`) }), {
        materialized: kv('suffixed'),
      })
      .toStream()
      .to('out', OUT),
  'table-group-count': (b) =>
    read(b)
      .groupBy((_key, value) => [reference(value), value], BY)
      .count({ materialized: kvLong('counts') })
      .toStream()
      .to('out', OUT_L),
  'table-group-count-uncached': (b) =>
    b
      .table<string, Text>('in', { ...SS, materialized: { ...kv('rows'), caching: false } })
      .groupBy((_key, value) => [reference(value), value], BY)
      .count({ materialized: { ...kvLong('counts'), caching: false } })
      .toStream()
      .to('out', OUT_L),
  'table-group-reduce': (b) =>
    read(b)
      .groupBy((_key, value) => [reference(value), number(value)], BY_L)
      .reduce({ ...minus, materialized: kvLong('sums') })
      .toStream()
      .to('out', OUT_L),
  'table-group-aggregate': (b) =>
    read(b)
      .groupBy((_key, value) => [reference(value), value], { name: 'by-row', ...BY })
      .aggregate({
        initializer: () => '',
        adder: (_key, value, trace) => `${trace}+${value}`,
        subtractor: (_key, value, trace) => `${trace}-${value}`,
        materialized: kv('traces'),
      })
      .toStream()
      .to('out', OUT),
  'table-group-aggregate-same-key': (b) =>
    read(b)
      .groupBy((key, value) => [key, number(value)], BY_L)
      .aggregate({
        initializer: () => 0,
        adder: (_key, value, total) => total + value,
        subtractor: (_key, value, total) => total - value,
        materialized: kvLong('sums'),
      })
      .toStream()
      .to('out', OUT_L),
  'table-group-aggregate-to-null': (b) =>
    read(b)
      .groupBy((_key, value) => [reference(value), 1], BY_L)
      .aggregate({
        initializer: () => 0,
        adder: (_key, value, left) => (left === null ? 1 : left + value),
        subtractor: (_key, value, left) => (left === 1 ? null : left - value),
        materialized: kvLong('left'),
      })
      .toStream()
      .to('out', OUT_L),
  'table-rekeyed-aggregate-of-aggregate': (b) =>
    b
      .stream<string, Long>('in', SL)
      .groupByKey(BY_L)
      .count({ materialized: kvLong('per-key') })
      .groupBy((key, count) => [`c${count % 3}`, key], BY)
      .count({ materialized: kvLong('per-count') })
      .toStream()
      .to('out', OUT_L),
  'table-two-readers': (b) => {
    const rows = readInto(b, 'rows')
    rows.toStream().to('plain', OUT)
    rows
      .mapValues((value) => `${value}m`)
      .toStream()
      .to('mapped', OUT)
  },
}

/** Counts per key how often it was called. */
class Seen implements ValueTransformer<string, string, Text> {
  #seen!: KeyValueStore<string, number>

  init(context: ProcessorContext): void {
    this.#seen = context.store('seen')
  }

  transform(key: string, value: Text): Text {
    if (value === null) return null
    const times = (this.#seen.get(key) ?? 0) + 1
    this.#seen.put(key, times)
    return `${value}#${times}`
  }
}
