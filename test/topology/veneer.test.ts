import { describe, expect, it } from 'vitest'
import { addDecimals } from '../../topology/decimal.ts'
import { serdes } from '../../topology/index.ts'
import { streams } from '../../topology/veneer.ts'
import { TopologyRun } from '../support/topology-run.ts'

interface Completed {
  readonly at: string
  readonly finalFare: number
}

describe('the one-line veneer', () => {
  it('sums a field per group, exactly', () => {
    const topology = streams()
      .from<Completed>('trip.completed')
      .map(({ at, finalFare }) => ({ hour: `${at.slice(0, 13)}:00:00Z`, fare: finalFare }))
      .groupByKey('hour')
      .sum('fare')
      .to('analytics.hourly_revenue')
      .build()
    const json = serdes.json<Completed>()
    const run = new TopologyRun(topology, json).feed(
      [0.1, 0.2, 0.3, 10, 5.55].map((finalFare, i) => ({
        topic: 'trip.completed',
        key: `t${i}`,
        value: { at: i < 3 ? '2025-10-29T10:59:59Z' : '2025-10-29T11:00:00Z', finalFare },
        timestamp: i,
      })),
    )
    expect(run.read('analytics.hourly_revenue', serdes.string, serdes.json<unknown>())).toEqual([
      { key: '2025-10-29T10:00:00Z', value: { hour: '2025-10-29T10:00:00Z', fare: 0.1 }, timestamp: 0 },
      { key: '2025-10-29T10:00:00Z', value: { hour: '2025-10-29T10:00:00Z', fare: 0.3 }, timestamp: 1 },
      { key: '2025-10-29T10:00:00Z', value: { hour: '2025-10-29T10:00:00Z', fare: 0.6 }, timestamp: 2 },
      { key: '2025-10-29T11:00:00Z', value: { hour: '2025-10-29T11:00:00Z', fare: 10 }, timestamp: 3 },
      { key: '2025-10-29T11:00:00Z', value: { hour: '2025-10-29T11:00:00Z', fare: 15.55 }, timestamp: 4 },
    ])
    const plan = topology.build({ applicationId: 'app' })
    expect(plan.internalTopics.map(({ name }) => name)).toEqual([
      'app-sum-of-fare-by-hour-repartition',
      'app-sum-of-fare-by-hour-changelog',
    ])
  })

  it('counts and filters, and omits records without value or group', () => {
    const topology = streams()
      .from<{ zone: string | null; ok: boolean }>('in')
      .filter(({ ok }) => ok)
      .groupByKey('zone')
      .count()
      .to('out')
      .build()
    const run = new TopologyRun(topology, serdes.json<{ zone: string | null; ok: boolean }>())
    const at = (zone: string | null, ok = true) => ({ topic: 'in', key: 'k', value: { zone, ok }, timestamp: 1 })
    run.feed([
      at('a'),
      at('b'),
      at('a', false),
      at(null),
      { topic: 'in', key: 'k', value: null, timestamp: 1 },
      at('a'),
    ])
    expect(run.read('out', serdes.string, serdes.json<unknown>()).map(({ value }) => value)).toEqual([
      { zone: 'a', count: 1 },
      { zone: 'b', count: 1 },
      { zone: 'a', count: 2 },
    ])
  })

  it.each([
    ['0.1', 0.2, '0.3'],
    ['0', -0.05, '-0.05'],
    ['-0.05', 0.05, '0'],
    ['1e21', 1, '1000000000000000000001'],
    ['0', 1e-7, '0.0000001'],
    ['99.99', 0.01, '100'],
    ['-3', 1.5, '-1.5'],
  ])('%s + %d = %s', (a, b, sum) => {
    expect(addDecimals(a, b)).toBe(sum)
  })

  it('refuses what is not a number', () => {
    expect(() => addDecimals('0', Number.NaN)).toThrow(RangeError)
  })
})
