import { type StreamsBuilder, sessionWindows, slidingWindows, timeWindows } from '../../../topology/index.ts'
import type { DslCases } from '../case.ts'
import { keptLong, kv, kvLong, L, OUT, OUT_L, S, SS, sessions, type Text, windowed } from '../values.ts'

const texts = (b: StreamsBuilder) => b.stream<string, Text>('in', SS).groupByKey(SS)
const counts = { materialized: kvLong('counts') }
const TUMBLING = timeWindows({ sizeMs: 2000, graceMs: 1000 })
const CLOSED = { until: 'window-closes' } as const
const after = (limitMs: number) => ({ until: 'time-limit', limitMs }) as const

/** Twins of SuppressCases.java. */
export const suppressCases: DslCases = {
  'suppress-window-tumbling': (b) =>
    texts(b).windowedBy(TUMBLING).count(counts).suppress(CLOSED).toStream().to('out', windowed(2000, L)),
  'suppress-window-named': (b) =>
    texts(b)
      .windowedBy(TUMBLING)
      .aggregate({
        initializer: () => '',
        aggregator: (_key, value, aggregate) => aggregate + value,
        materialized: kv('traces'),
      })
      .suppress({ ...CLOSED, name: 'final' })
      .toStream()
      .to('out', windowed(2000, S)),
  'suppress-window-hopping': (b) =>
    texts(b)
      .windowedBy(timeWindows({ sizeMs: 3000, graceMs: 500, advanceMs: 1000 }))
      .count(counts)
      .suppress(CLOSED)
      .toStream()
      .to('out', windowed(3000, L)),
  'suppress-window-sliding': (b) =>
    texts(b)
      .windowedBy(slidingWindows({ timeDifferenceMs: 1000, graceMs: 500 }))
      .count(counts)
      .suppress(CLOSED)
      .toStream()
      .to('out', windowed(1000, L)),
  'suppress-window-session': (b) =>
    texts(b)
      .windowedBySession(sessionWindows({ inactivityGapMs: 900, graceMs: 2000 }))
      .count({ materialized: keptLong('counts') })
      .suppress(CLOSED)
      .toStream()
      .to('out', sessions(L)),
  'suppress-time-limit': (b) => b.table<string, Text>('in', SS).suppress(after(2000)).toStream().to('out', OUT),
  'suppress-time-limit-count': (b) => texts(b).count(counts).suppress(after(1500)).toStream().to('out', OUT_L),
  'suppress-time-limit-windowed': (b) =>
    texts(b).windowedBy(TUMBLING).count(counts).suppress(after(700)).toStream().to('out', windowed(2000, L)),
  'suppress-max-records': (b) =>
    b
      .table<string, Text>('in', { ...SS, materialized: kv('rows') })
      .suppress({ ...after(60_000), buffer: { maxRecords: 3, whenFull: 'emit-early' } })
      .toStream()
      .to('out', OUT),
  'suppress-zero-limit': (b) => b.table<string, Text>('in', SS).suppress(after(0)).toStream().to('out', OUT),
  'suppress-then-map': (b) =>
    texts(b)
      .count(counts)
      .suppress(after(1500))
      .filter((_key, value) => value % 2 === 0)
      .mapValues((value) => value * 10)
      .toStream()
      .to('out', OUT_L),
}
