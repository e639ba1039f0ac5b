import { slidingWindows } from 'ride-streams'
import { type CaseInput, type ChaosCase, DAY_MS, NEVER_LATE_MS, ofTopic } from '../chaos-case.ts'

const DIFFERENCE_MS = 2000
/** The closing records must not push versions out of the history. */
const FOR_GOOD_MS = 3650 * DAY_MS

/** A stream that waits for late versions of a table, and sliding windows. */
export const TIMES: ChaosCase = {
  name: 'times',
  inputs: ['times-prices', 'times-sales', 'times-visits'],
  outputs: ['times-sold', 'times-slides'],
  add(builder) {
    const prices = builder.table<string, number>('times-prices', {
      materialized: { name: 'prices', historyRetentionMs: FOR_GOOD_MS },
    })
    builder
      .stream<string, number>('times-sales')
      .leftJoinTable(prices, {
        name: 'sold',
        joiner: (sale, price) => ({ price, sale }),
        graceMs: NEVER_LATE_MS,
      })
      .to('times-sold')
    builder
      .stream<string, number>('times-visits')
      .groupByKey()
      .windowedBy(slidingWindows({ timeDifferenceMs: DIFFERENCE_MS, graceMs: NEVER_LATE_MS }))
      .reduce((sum, n) => sum + n, { materialized: { name: 'slides' } })
      .toStream()
      .map(({ key, window }, sum) => [`${key}@${window.start}`, sum])
      .to('times-slides')
  },
  record(random, at) {
    const timestamp = at - random.below(4000)
    const product = `product-${random.below(25)}`
    switch (random.below(3)) {
      case 0:
        return {
          topic: 'times-prices',
          key: product,
          value: random.chance(0.2) ? null : random.below(1000),
          timestamp,
        }
      case 1:
        return { topic: 'times-sales', key: product, value: random.below(1e9), timestamp }
      default:
        return { topic: 'times-visits', key: `visitor-${random.below(10)}`, value: random.below(100), timestamp }
    }
  },
  closing: (key) => [{ topic: 'times-sales', key, value: 0 }],
  expected: (input) => ({ events: { 'times-sold': sold(input) }, tables: { 'times-slides': slides(input) } }),
}

function sold(input: readonly CaseInput[]): string[] {
  const prices = Map.groupBy(ofTopic<number | null>(input, 'times-prices'), ({ key }) => key)
  return ofTopic<number>(input, 'times-sales').map(({ key, value, timestamp }) => {
    let valid: { readonly timestamp: number; readonly value: number | null } | null = null
    for (const version of prices.get(key) ?? []) {
      if (version.timestamp <= timestamp && version.timestamp >= (valid?.timestamp ?? 0)) valid = version
    }
    return `${key} {"price":${valid?.value ?? null},"sale":${value}}`
  })
}

/** Each record has a window that ends at it, and one behind it that is there when something is in it. */
function slides(input: readonly CaseInput[]): Map<string, number> {
  const rows = new Map<string, number>()
  for (const [key, visits] of Map.groupBy(ofTopic<number>(input, 'times-visits'), (one) => one.key)) {
    for (const { timestamp } of visits) {
      for (const start of [timestamp - DIFFERENCE_MS, timestamp + 1]) {
        const inside = visits.filter((one) => one.timestamp >= start && one.timestamp <= start + DIFFERENCE_MS)
        const sum = inside.reduce((total, { value }) => total + value, 0)
        if (inside.length > 0) rows.set(`${key}@${start}`, sum)
      }
    }
  }
  return rows
}
