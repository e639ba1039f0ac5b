import {
  type EmitStrategy,
  type Serde,
  type StreamsBuilder,
  sessionWindows,
  slidingWindows,
  timeWindows,
} from '../../../topology/index.ts'
import type { DslCases } from '../case.ts'
import {
  kept,
  keptLong,
  kv,
  kvLong,
  L,
  type Long,
  max,
  number,
  OUT_L,
  S,
  SL,
  SS,
  sessions,
  sum,
  type Text,
  windowed,
} from '../values.ts'

const TUMBLING = timeWindows({ sizeMs: 2000 })
const TUMBLING_GRACE = timeWindows({ sizeMs: 2000, graceMs: 1000 })
const HOPPING = timeWindows({ sizeMs: 3000, graceMs: 500, advanceMs: 1000 })
const GAPPED = timeWindows({ sizeMs: 1000, graceMs: 2000, advanceMs: 700 })
const SLIDING = slidingWindows({ timeDifferenceMs: 1000 })
const SLIDING_GRACE = slidingWindows({ timeDifferenceMs: 1000, graceMs: 1500 })
const SESSION = sessionWindows({ inactivityGapMs: 900 })
const SESSION_GRACE = sessionWindows({ inactivityGapMs: 900, graceMs: 2000 })
const FINAL: EmitStrategy = 'on-window-close'

const texts = (b: StreamsBuilder) => b.stream<string, Text>('in', SS).groupByKey(SS)
const numbers = (b: StreamsBuilder) =>
  b.stream<string, Long>('in', SL).groupByKey({ keySerde: S, valueSerde: L as Serde<Long> })
const trace = {
  initializer: () => '',
  aggregator: (_key: string, value: Text, aggregate: string) => `${aggregate},${value}`,
  materialized: kv('traces'),
}
const counts = { materialized: kvLong('counts') }
const countsKept = { materialized: keptLong('counts') }
const countsUncached = { materialized: { ...kvLong('counts'), caching: false } }

type Windows = typeof TUMBLING | typeof SLIDING

const count = (
  b: StreamsBuilder,
  windows: Windows,
  options: object = counts,
  emit: EmitStrategy = 'on-window-update',
) => texts(b).windowedBy(windows).emitStrategy(emit).count(options)
const size = (windows: Windows) => (windows.kind === 'time' ? windows.sizeMs : windows.timeDifferenceMs)
const counted =
  (windows: Windows, options: object = counts, emit?: EmitStrategy) =>
  (b: StreamsBuilder) =>
    count(b, windows, options, emit)
      .toStream()
      .to('out', windowed(size(windows), L))
const traced = (windows: Windows) => (b: StreamsBuilder) =>
  texts(b)
    .windowedBy(windows)
    .aggregate(trace)
    .toStream()
    .to('out', windowed(size(windows), S))
const reduced = (windows: Windows, reducer: (a: Long, b: Long) => number, name: string) => (b: StreamsBuilder) =>
  numbers(b)
    .windowedBy(windows)
    .reduce(reducer, { materialized: kvLong(name) })
    .toStream()
    .to('out', windowed(size(windows), L))
const sessionCounted =
  (windows: typeof SESSION, options: object = counts, emit: EmitStrategy = 'on-window-update') =>
  (b: StreamsBuilder) =>
    texts(b).windowedBySession(windows).emitStrategy(emit).count(options).toStream().to('out', sessions(L))

/** Twins of WindowCases.java. */
export const windowCases: DslCases = {
  'tumbling-count': counted(TUMBLING),
  'tumbling-count-grace': counted(TUMBLING_GRACE),
  'tumbling-count-uncached': counted(TUMBLING_GRACE, countsUncached),
  'tumbling-count-at-zero': counted(TUMBLING),
  'tumbling-reduce': reduced(TUMBLING_GRACE, sum, 'sums'),
  'tumbling-aggregate': traced(TUMBLING_GRACE),
  'tumbling-aggregate-to-null': (b) =>
    numbers(b)
      .windowedBy(TUMBLING_GRACE)
      .aggregate({
        initializer: () => 1,
        aggregator: (_key, value, total) => (value === null || value < 3 ? null : total + value),
        materialized: kvLong('sums'),
      })
      .toStream()
      .to('out', windowed(2000, L)),
  'tumbling-auto-names': counted(TUMBLING, {}),
  'tumbling-retention': counted(TUMBLING_GRACE, { materialized: { ...kvLong('counts'), retentionMs: 60_000 } }),
  'tumbling-rekeyed-total': (b) =>
    count(b, TUMBLING_GRACE)
      .toStream()
      .selectKey(({ key, window }) => `${key}@${window.start}`)
      .to('out', OUT_L),
  'tumbling-table-group': (b) =>
    count(b, TUMBLING_GRACE)
      .groupBy(({ window }, value) => [`t${window.start}`, value], { keySerde: S, valueSerde: L })
      .reduce({ adder: (a, v) => a + v, subtractor: (a, v) => a - v, materialized: kvLong('totals') })
      .toStream()
      .to('out', OUT_L),
  'tumbling-final': counted(TUMBLING_GRACE, counts, FINAL),
  'tumbling-final-no-grace': (b) =>
    texts(b)
      .windowedBy(TUMBLING)
      .emitStrategy(FINAL)
      .aggregate({ ...trace, aggregator: (_key: string, value: Text, aggregate: string) => aggregate + value })
      .toStream()
      .to('out', windowed(2000, S)),
  'hopping-count': counted(HOPPING),
  'hopping-count-uncached': counted(HOPPING, countsUncached),
  'hopping-reduce': reduced(HOPPING, max, 'greatest'),
  'hopping-aggregate': traced(GAPPED),
  'hopping-count-at-zero': counted(HOPPING),
  'hopping-final': counted(HOPPING, counts, FINAL),
  'sliding-count': counted(SLIDING),
  'sliding-count-grace': counted(SLIDING_GRACE),
  'sliding-count-uncached': counted(SLIDING_GRACE, countsUncached),
  'sliding-reduce': reduced(SLIDING_GRACE, sum, 'sums'),
  'sliding-aggregate': traced(SLIDING_GRACE),
  'sliding-at-zero': traced(SLIDING_GRACE),
  'sliding-final': counted(SLIDING_GRACE, counts, FINAL),
  'session-count': sessionCounted(SESSION),
  'session-count-grace': sessionCounted(SESSION_GRACE, countsKept),
  'session-count-uncached': sessionCounted(SESSION_GRACE, {
    materialized: { ...countsKept.materialized, caching: false },
  }),
  'session-reduce': (b) =>
    numbers(b)
      .windowedBySession(SESSION_GRACE)
      .reduce(sum, { materialized: keptLong('sums') })
      .toStream()
      .to('out', sessions(L)),
  'session-aggregate': (b) =>
    texts(b)
      .windowedBySession(SESSION_GRACE)
      .aggregate({
        ...trace,
        name: 'tracing',
        merger: (_key: string, x: string, y: string) => `${x}&${y}`,
        materialized: kept('traces'),
      })
      .toStream()
      .to('out', sessions(S)),
  'session-final': sessionCounted(SESSION_GRACE, countsKept, FINAL),
  'window-rekeyed-source': (b) =>
    b
      .stream<string, Text>('in', SS)
      .groupBy((_key, value) => (value === null ? null : `n${number(value) % 3}`), SS)
      .windowedBy(TUMBLING_GRACE)
      .count({ materialized: kvLong('counts') as object })
      .toStream()
      .to('out', windowed(2000, L)),
}
