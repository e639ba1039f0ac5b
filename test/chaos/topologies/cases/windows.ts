import { serdes, timeWindows } from 'ride-streams'
import { added, type CaseInput, type ChaosCase, DAY_MS, NEVER_LATE_MS, numbered, ofTopic } from '../chaos-case.ts'

interface Reading {
  readonly group: string
  readonly n: number
}

const SIZE_MS = 10_000
const ADVANCE_MS = 5000
const GRACE_MS = 1000
const MINUTE_MS = 60_000

/** Counts by another key, and windows: those by the own key drop what is late, which a partition decides alone. */
export const WINDOWS: ChaosCase = {
  name: 'windows',
  inputs: ['windows-in'],
  outputs: ['windows-counts', 'windows-minutes', 'windows-sums'],
  rising: ['windows-counts'],
  risingStores: [{ store: 'group-counts', keys: numbered('group', 30) }],
  add(builder) {
    const readings = builder.stream<string, Reading>('windows-in')
    const groups = readings.groupBy((_key, { group }) => group, { name: 'by-group' })
    groups
      .count({ materialized: { name: 'group-counts' } })
      .toStream()
      .to('windows-counts', { valueSerde: serdes.json() })
    groups
      .windowedBy(timeWindows({ sizeMs: MINUTE_MS, graceMs: NEVER_LATE_MS }))
      .emitStrategy('on-window-close')
      .count({ materialized: { name: 'group-minutes' } })
      .toStream()
      .map(({ key, window }, count) => [`${key}@${window.start}`, count])
      .to('windows-minutes')
    readings
      .groupByKey()
      .windowedBy(timeWindows({ sizeMs: SIZE_MS, advanceMs: ADVANCE_MS, graceMs: GRACE_MS }))
      .aggregate({
        initializer: () => ({ sum: 0, of: 0 }),
        aggregator: (_key, { n }, { sum, of }) => ({ sum: sum + n, of: of + 1 }),
        materialized: { name: 'own-sums', retentionMs: DAY_MS },
      })
      .suppress({ until: 'window-closes' })
      .toStream()
      .map(({ key, window }, sum) => [`${key}@${window.start}`, sum])
      .to('windows-sums')
  },
  record: (random, at) => ({
    topic: 'windows-in',
    key: `key-${random.below(40)}`,
    value: { group: `group-${random.below(30)}`, n: random.below(100) },
    timestamp: at - random.below(random.chance(0.1) ? 20_000 : 1500),
  }),
  closing: (key) => [{ topic: 'windows-in', key, value: { group: key, n: 1 } }],
  expected(input) {
    const minutes = new Map<string, number>()
    for (const { value, timestamp } of ofTopic<Reading>(input, 'windows-in')) {
      added(minutes, `${value.group}@${timestamp - (timestamp % MINUTE_MS)}`, 1)
    }
    return {
      tables: { 'windows-counts': groupCounts(input) },
      events: {
        'windows-minutes': [...minutes].map(([key, count]) => `${key} ${count}`),
        'windows-sums': [...ownSums(input)].map(([key, { sum, of }]) => `${key} {"of":${of},"sum":${sum}}`),
      },
    }
  },
  stores: (input) => ({ 'group-counts': groupCounts(input) }),
}

function groupCounts(input: readonly CaseInput[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { value } of ofTopic<Reading>(input, 'windows-in')) added(counts, value.group, 1)
  return counts
}

function ownSums(input: readonly CaseInput[]): Map<string, { readonly sum: number; readonly of: number }> {
  const sums = new Map<string, { readonly sum: number; readonly of: number }>()
  const times = new Map<number, number>()
  for (const { partition, key, value, timestamp } of ofTopic<Reading>(input, 'windows-in')) {
    const time = Math.max(times.get(partition) ?? 0, timestamp)
    times.set(partition, time)
    const last = timestamp - (timestamp % ADVANCE_MS)
    for (let start = last; start > timestamp - SIZE_MS; start -= ADVANCE_MS) {
      if (start + SIZE_MS <= time - GRACE_MS) continue
      const { sum, of } = sums.get(`${key}@${start}`) ?? { sum: 0, of: 0 }
      sums.set(`${key}@${start}`, { sum: sum + value.n, of: of + 1 })
    }
  }
  return sums
}
