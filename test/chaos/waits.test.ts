import { expect, it } from 'vitest'
import { FedLedger } from './fed-ledger.ts'
import { longestRest, longestWait, openWait, percentile, waitsOf } from './waits.ts'

/** Ten records every 100 ms from 1000 on, each batch due then. */
function steadyFed(until: number): FedLedger {
  const fed = new FedLedger()
  for (let at = 1000, offset = 0; at < until; at += 100, offset += 10) fed.add('in', 0, offset, 10, at)
  return fed
}

it('a wait lasts from the previous commit, or from the time the record was due, to the commit that has the record', () => {
  const fed = steadyFed(2000)
  const advances = [
    { at: 1150, offset: 10 },
    { at: 1160, offset: 15 },
    { at: 1900, offset: 90 },
  ]
  expect(waitsOf('in:0', advances, fed, 0)).toEqual([
    { partition: 'in:0', from: 1000, to: 1150 },
    { partition: 'in:0', from: 1150, to: 1160 },
    { partition: 'in:0', from: 1160, to: 1900 },
  ])
})

it('nothing waits in a partition that is committed to its end, however long no record comes', () => {
  const fed = steadyFed(1100)
  expect(openWait('in:0', [{ at: 1200, offset: 10 }], fed, 0, 99_000)).toBe(0)
  expect(openWait('in:0', [{ at: 1200, offset: 9 }], fed, 0, 1300)).toBe(100)
  expect(openWait('in:0', [], fed, 0, 1300)).toBe(300)
})

it('a gap in the acknowledgements belongs to the records after it', () => {
  const fed = new FedLedger()
  fed.add('in', 0, 0, 5, 1000)
  fed.add('in', 0, 12, 5, 2000)
  expect(fed.dueAt('in:0', 7)).toBe(2000)
  expect(fed.dueAt('in:0', 17)).toBe(null)
  expect(fed.dueAt('in:1', 0)).toBe(null)
})

it('a wait belongs to the time in which it began, and is measured from the fault', () => {
  const waits = [
    { partition: 'a', from: 4950, to: 11_000 },
    { partition: 'b', from: 12_000, to: 12_900 },
  ]
  expect(longestWait(waits, 5000, 12_000)).toBe(6000)
  expect(longestWait(waits, 12_000, 20_000)).toBe(900)
  expect(longestWait(waits, 0, 4000)).toBe(0)
  expect(longestRest(waits, 5000, 10_500)).toBe(500)
})

it('percentiles use the nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1)
  expect([0.5, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([50, 99, 100])
  expect(percentile([], 0.5)).toBe(null)
})
