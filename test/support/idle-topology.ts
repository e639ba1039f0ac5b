import type { Plan } from '../../topology/index.ts'
import { joinWindows, StreamsBuilder, serdes, sessionWindows, timeWindows } from '../../topology/index.ts'

const S = serdes.string
const TEXT = { keySerde: S, valueSerde: S }

export const IDLE_OUTPUTS = ['finals', 'sessions', 'pairs'] as const
export const IDLE_INPUTS = ['in', 'left', 'right'] as const
export const WINDOW_TICKS = 'app-final-store-idle-ticks'
export const JOIN_TICKS = 'app-pairs-outer-shared-join-store-idle-ticks'

export interface IdlePlanOptions {
  /** null: not idle-aware. */
  readonly afterMs: number | null
  readonly caching?: boolean
  readonly prefix?: string
}

/**
 * One of each kind of operator that waits for stream time: counts per tumbling window of 1 s, suppressed (`in` to
 * `finals`), sessions with a gap of 300 ms, emitted on close (`in` to `sessions`), and an outer join within 200 ms
 * (`left` and `right` to `pairs`). Keys begin with the number of their partition, there and in the outputs, so each
 * output partition is written by one task. `prefix` goes before the names of the topics and of the application.
 */
export function idlePlan({ afterMs, caching = false, prefix = '' }: IdlePlanOptions): Plan {
  const builder = new StreamsBuilder(afterMs === null ? {} : { closeWindowsWhenIdle: { afterMs } })
  const partitioner = (_topic: string, key: unknown): number => Number(String(key)[0])
  const grouped = builder.stream<string, string>(`${prefix}in`, TEXT).groupByKey()
  grouped
    .windowedBy(timeWindows({ sizeMs: 1000, graceMs: 100 }))
    .count({ materialized: { name: 'counts', caching } })
    .suppress({ until: 'window-closes', name: 'final' })
    .toStream()
    .map(({ key, window }, count) => [key, `${window.start}:${count}`])
    .to(`${prefix}finals`, { ...TEXT, partitioner })
  grouped
    .windowedBySession(sessionWindows({ inactivityGapMs: 300 }))
    .emitStrategy('on-window-close')
    .count({ materialized: { name: 'visits' } })
    .toStream()
    .map(({ key, window }, count) => [key, `${window.start}-${window.end}:${count}`])
    .to(`${prefix}sessions`, { ...TEXT, partitioner })
  const right = builder.stream<string, string>(`${prefix}right`, TEXT)
  builder
    .stream<string, string>(`${prefix}left`, TEXT)
    .outerJoin(right, {
      joiner: (left, other) => `${left}+${other}`,
      windows: joinWindows({ timeDifferenceMs: 200 }),
      ...TEXT,
      otherValueSerde: S,
      storeName: 'pairs',
    })
    .to(`${prefix}pairs`, { ...TEXT, partitioner })
  return builder.build().build({ applicationId: `${prefix}app` })
}
