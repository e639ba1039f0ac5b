import type { StoreSpec } from '../../../state/ports/store-spec.ts'
import type { Serde, StreamsBuilder, Topology } from '../../../topology/index.ts'
import type { DslCases, TopologyCases } from '../case.ts'
import { counts, kvLong, L, number, OUT, OUT_L, S, SS, type Text } from '../values.ts'
import { Count, CountValues, Fan, Metadata, Range, Route, SetHeaders, ShowHeaders } from './processors/plain.ts'
import { Sessions, Windows } from './processors/stores.ts'
import { Alarm, Ticker } from './processors/timers.ts'

const stream = (b: StreamsBuilder, topic = 'in') => b.stream<string, Text>(topic, SS)
const withCounts = (b: StreamsBuilder) => stream(b.addStateStore(counts))
const BY_L = { keySerde: S, valueSerde: L }
const COUNTS = { stores: ['counts'] }

const texts = { keySerde: S as Serde<unknown>, valueSerde: S as Serde<unknown>, logging: true, caching: false }
const windows: StoreSpec = {
  ...texts,
  kind: 'window',
  name: 'windows',
  timestamped: false,
  retentionMs: 300_000,
  windowSizeMs: 1000,
  retainDuplicates: false,
}
const sessions: StoreSpec = { ...texts, kind: 'session', name: 'sessions', retentionMs: 300_000 }

const ticking =
  (intervalMs: number, type: 'stream-time' | 'wall-clock-time', limit = 0) =>
  (b: StreamsBuilder) =>
    withCounts(b)
      .process(() => new Ticker(intervalMs, type, limit), COUNTS)
      .to('out', OUT)

/** Twins of the cases of ProcessorCases.java that use the DSL. */
export const processorCases: DslCases = {
  'process-stateless': (b) =>
    stream(b)
      .process(() => new Fan())
      .to('out', OUT),
  'process-store': (b) =>
    withCounts(b)
      .process(() => new Count(), { name: 'counting', ...COUNTS })
      .to('out', OUT_L),
  'process-values-store': (b) =>
    withCounts(b)
      .processValues(() => new CountValues(), COUNTS)
      .to('out', OUT),
  'process-values-keeps-key': (b) =>
    withCounts(b)
      .processValues(() => new CountValues(), COUNTS)
      .groupByKey({ keySerde: S, valueSerde: S })
      .count({ materialized: kvLong('totals') })
      .toStream()
      .to('out', OUT_L),
  'process-then-group': (b) =>
    withCounts(b)
      .process(() => new Count(), COUNTS)
      .groupByKey({ keySerde: S, valueSerde: L as Serde<number | null> })
      .reduce((a, v) => a + v, { materialized: kvLong('totals') })
      .toStream()
      .to('out', OUT_L),
  'process-two-share-store': (b) => {
    b.addStateStore(counts)
    stream(b, 'left')
      .process(() => new Count(), COUNTS)
      .to('left-out', OUT_L)
    stream(b, 'right')
      .process(() => new Count(), COUNTS)
      .to('right-out', OUT_L)
  },
  'process-metadata': (b) =>
    b
      .stream<string, Text>(['left', 'right'], SS)
      .process(() => new Metadata())
      .to('out', OUT),
  'process-range': (b) =>
    withCounts(b)
      .process(() => new Range(), COUNTS)
      .to('out', OUT),
  'process-window-store': (b) =>
    stream(b.addStateStore(windows))
      .process(() => new Windows(), { stores: ['windows'] })
      .to('out', OUT),
  'process-session-store': (b) =>
    stream(b.addStateStore(sessions))
      .process(() => new Sessions(), { stores: ['sessions'] })
      .to('out', OUT),
  'headers-set': (b) =>
    stream(b)
      .processValues(() => new SetHeaders())
      .mapValues((value) => `${value}!`)
      .to('out', OUT),
  'headers-through-aggregate': (b) =>
    stream(b)
      .processValues(() => new SetHeaders())
      .groupByKey(SS)
      .count({ materialized: kvLong('counts') })
      .toStream()
      .processValues(() => new ShowHeaders())
      .to('out', OUT),
  'headers-through-repartition': (b) =>
    stream(b)
      .processValues(() => new SetHeaders())
      .filter((_key, value): boolean => value !== null)
      .groupBy((_key, value) => `n${number(value) % 3}`, SS)
      .count({ materialized: kvLong('counts') })
      .toStream()
      .to('out', OUT_L),
  'punctuate-stream-time': ticking(1000, 'stream-time'),
  'punctuate-stream-time-jumps': ticking(300, 'stream-time'),
  'punctuate-wall-clock': ticking(1000, 'wall-clock-time'),
  'punctuate-cancel': ticking(1000, 'stream-time', 4),
  'punctuate-cancel-wall-clock': ticking(700, 'wall-clock-time', 3),
  'punctuate-schedule-in-process': (b) =>
    stream(b)
      .process(() => new Alarm())
      .to('out', OUT),
  'punctuate-downstream': (b) =>
    withCounts(b)
      .process(() => new Ticker(1500, 'stream-time', 0), COUNTS)
      .groupByKey({ keySerde: S, valueSerde: S })
      .count({ materialized: kvLong('ticks') })
      .toStream()
      .to('out', OUT_L),
}

const source = (t: Topology, name = 'source', topic = 'in') => t.addSource<string, Text>({ name, topics: topic, ...SS })
const fan = (t: Topology, name: string, ...parents: string[]) =>
  t.addProcessor<string, Text, string, string>({ name, parents, supplier: () => new Fan() })

/** Twins of the cases without the DSL. */
export const processorApiCases: TopologyCases = {
  'papi-pipe': (t) => {
    source(t)
    fan(t, 'fan', 'source')
    t.addSink({ name: 'sink', topic: 'out', parents: ['fan'], keySerde: S, valueSerde: S })
  },
  'papi-named-children': (t) => {
    source(t)
    t.addProcessor<string, Text, string, Text>({ name: 'route', parents: ['source'], supplier: () => new Route() })
    t.addSink({ name: 'even', topic: 'even', parents: ['route'], keySerde: S, valueSerde: S })
    t.addSink({ name: 'odd', topic: 'odd', parents: ['route'], keySerde: S, valueSerde: S })
  },
  'papi-diamond': (t) => {
    source(t)
    fan(t, 'one', 'source')
    fan(t, 'two', 'source')
    fan(t, 'join', 'one', 'two')
    t.addSink({ name: 'sink', topic: 'out', parents: ['join'], keySerde: S, valueSerde: S })
  },
  'papi-shared-store': (t) => {
    source(t, 'lefts', 'left')
    source(t, 'rights', 'right')
    const supplier = () => new Count()
    t.addProcessor<string, Text, string, number | null>({ name: 'count-left', parents: ['lefts'], supplier })
    t.addProcessor<string, Text, string, number | null>({ name: 'count-right', parents: ['rights'], supplier })
    t.addStateStore(counts, ['count-left', 'count-right'])
    t.addSink({ name: 'sink', topic: 'out', parents: ['count-left', 'count-right'], ...BY_L })
  },
}
