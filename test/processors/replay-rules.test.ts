import { describe, expect, it } from 'vitest'
import { rideReplayRules } from '../../processors/replay-rules.ts'
import { type ReplayRule, TABLE_RULE } from '../../topology/index.ts'

const storeRule = (store: string): ReplayRule => rideReplayRules.stores[store] ?? TABLE_RULE
const outputRule = (topic: string): ReplayRule => rideReplayRules.outputs[topic] ?? TABLE_RULE

function correct(rule: ReplayRule, rebuilt: unknown, found: unknown, isGone = false): unknown {
  const bytes = (value: unknown): Buffer | null =>
    value === null ? null : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  const correction = rule.correction({ rebuilt: bytes(rebuilt), found: bytes(found), isGone })
  if (correction === undefined) return 'right'
  return correction === null ? 'delete' : JSON.parse(correction.toString())
}

it('a replayed table has exactly the rebuilt rows', () => {
  const rule = outputRule('trip.state')
  const [a, b] = [{ status: 'started' }, { status: 'completed' }]
  expect(correct(rule, a, a)).toBe('right')
  expect(correct(rule, a, b)).toEqual(a)
  expect(correct(rule, a, null)).toEqual(a)
  expect(correct(rule, null, b)).toBe('delete')
  expect(correct(rule, a, 'garbage')).toEqual(a)
})

describe('an empty sum', () => {
  it.each([
    [outputRule('analytics.hourly_revenue'), { hour: 'h', revenue: 0, trips: 0 }, { hour: 'h', revenue: 1, trips: 1 }],
    [outputRule('driver.earnings'), { earnings: 0, trips: 0 }, { earnings: 1, trips: 1 }],
    [outputRule('analytics.trip_funnel'), { requested: 0 }, { requested: 1 }],
    [storeRule('hourly-revenue'), [0, 0], [100, 1]],
    [storeRule('trip-funnel'), [0, 0, 0, 0, 0, []], [1, 0, 0, 0, 0, []]],
    [storeRule('cell-demand'), { requests: 0, completions: 0, at: 5 }, { requests: 1, completions: 0, at: 5 }],
  ])('equals a missing one: %#', (rule, empty, full) => {
    expect(correct(rule, empty, null)).toBe('right')
    expect(correct(rule, null, empty)).toBe('right')
    expect(correct(rule, full, empty)).toEqual(full)
    expect(correct(rule, empty, full)).toEqual(empty)
    expect(correct(rule, null, full)).toBe('delete')
    expect(correct(rule, full, null)).toEqual(full)
  })
})

it('a replay announces a cell change again where the last one is wrong, so that the chain holds', () => {
  const rule = outputRule('driver.cell.changed')
  const change = (cell: string, previousCell: string | null) => ({ driverId: 'd', cell, previousCell, lat: 1 })
  expect(correct(rule, change('b', 'a'), change('b', 'x'))).toBe('right')
  expect(correct(rule, change('b', 'a'), change('c', 'b'))).toEqual(change('b', 'c'))
  expect(correct(rule, change('b', 'a'), null)).toEqual(change('b', null))
  expect(correct(rule, change('b', 'a'), null, true)).toBe('right')
  expect(correct(rule, change('b', 'a'), 'garbage')).toEqual(change('b', null))
  expect(correct(rule, null, change('c', 'b'))).toBe('right')
})

it('a replay makes offers for requests that have none, with the drivers known now', () => {
  const rule = outputRule('trip.offers')
  const offer = (requestedAt: string, driverId: string) => ({ tripId: 't', requestedAt, offers: [{ driverId }] })
  const [day, next] = ['2025-01-01T00:00:00.000Z', '2025-01-02T00:00:00.000Z']
  const [first, other, later] = [offer(day, 'a'), offer(day, 'b'), offer(next, 'a')]
  expect(correct(rule, first, other)).toBe('right')
  expect(correct(rule, first, later)).toBe('right')
  expect(correct(rule, later, first)).toEqual(later)
  expect(correct(rule, first, null)).toEqual(first)
  expect(correct(rule, first, null, true)).toBe('right')
  expect(correct(rule, null, first)).toBe('right')
  // Times, not texts, have the order.
  expect(correct(rule, later, offer('2025-01-01T23:30:00-02:00', 'a'))).toBe('right')
  expect(correct(rule, first, offer('9 o clock', 'a'))).toEqual(first)
})

it('a replay sends the final row of a closed window again when it differs', () => {
  const rule = outputRule('analytics.cell_demand')
  expect(correct(rule, { requests: 2 }, { requests: 1 })).toEqual({ requests: 2 })
  expect(correct(rule, { requests: 2 }, null)).toEqual({ requests: 2 })
  expect(correct(rule, { requests: 2 }, null, true)).toBe('right')
  expect(correct(rule, null, { requests: 1 })).toBe('right')
})
