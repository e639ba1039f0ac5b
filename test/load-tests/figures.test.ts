import { describe, expect, it } from 'vitest'
import type { TripOutcome } from './city-load.ts'
import { figuresOf, isLossy, type RunRecord } from './figures.ts'

const trip = (changes: Partial<TripOutcome>): TripOutcome => ({
  kind: 'steady',
  requestedAt: 20_000,
  offeredAt: 20_040,
  offers: 1,
  offeredDrivers: 3,
  expected: 'completed',
  seen: 'completed',
  ...changes,
})

/** A request at that time, and its offer so much later. */
const offeredAfter = (requestedAt: number, ms: number): TripOutcome =>
  trip({ requestedAt, offeredAt: requestedAt + ms })

const RUN: RunRecord = {
  seconds: 120,
  samples: [],
  processes: [],
  result: { outcomes: [], waits: [], sent: 0, received: 0, deadLetters: 0 },
  restart: { stopAt: 60_000, endedAt: 60_500, startAt: 65_000, readyAt: 67_000 },
  differences: 0,
  machineLoad: { before: 0, after: 0 },
}
const withOutcomes = (...outcomes: TripOutcome[]): RunRecord => ({ ...RUN, result: { ...RUN.result, outcomes } })

it('rates lie between the first and the last sample after time 0', () => {
  const sample = (atMs: number, sent: number, received: number) => ({ atMs, sent, received, lagMs: 0, lagRecords: 0 })
  const samples = [sample(-500, 100, 10), sample(500, 300, 60), sample(1500, 550, 80), sample(2500, 800, 160)]
  const { eventsPerSecond, outputsPerSecond } = figuresOf({ ...RUN, samples })
  expect([eventsPerSecond, outputsPerSecond]).toEqual([250, 50])
})

it('lag is judged by the greatest value of each second', () => {
  const samples = [900, 80, 90, 100, 400].map((lagMs, i) => ({
    atMs: i * 1000 - 500,
    sent: 0,
    received: 0,
    lagMs,
    lagRecords: lagMs / 10,
  }))
  expect(figuresOf({ ...RUN, samples }).lag).toEqual({ medianMs: 90, p95Ms: 400, mostMs: 400, mostRecords: 40 })
})

describe('latency', () => {
  it('percentiles are by nearest rank', () => {
    const outcomes = Array.from({ length: 100 }, (_, i) => offeredAfter(20_000, i + 1))
    expect(figuresOf(withOutcomes(...outcomes)).latency.steady).toEqual({
      requests: 100,
      p50: 50,
      p95: 95,
      p99: 99,
      most: 100,
    })
  })

  it('the burst, the requests beside it, those of the restart and the steady ones stand apart', () => {
    const { latency } = figuresOf(
      withOutcomes(
        { ...offeredAfter(-1000, 1), kind: 'warm-up' },
        { ...offeredAfter(0, 2), kind: 'burst' },
        offeredAfter(9999, 3),
        offeredAfter(10_000, 4),
        offeredAfter(59_999, 5),
        offeredAfter(60_000, 6),
        offeredAfter(71_999, 7),
        offeredAfter(72_000, 8),
      ),
    )
    const ranges = Object.entries(latency).map(([part, { requests, most }]) => [part, requests, most])
    expect(ranges).toEqual([
      ['burst', 1, 2],
      ['beside', 1, 3],
      ['restart', 2, 7],
      ['steady', 3, 8],
    ])
  })

  it('a request without an offer counts as a request and has no latency', () => {
    const { steady } = figuresOf(withOutcomes(offeredAfter(20_000, 30), trip({ offers: 0, offeredAt: null }))).latency
    expect(steady).toEqual({ requests: 2, p50: 30, p95: 30, p99: 30, most: 30 })
    expect(figuresOf(RUN).latency.burst).toEqual({ requests: 0, p50: null, p95: null, p99: null, most: null })
  })
})

describe('loss', () => {
  it('nothing is lost when each request has one offer and each trip the state of its last event', () => {
    const { loss } = figuresOf(withOutcomes(trip({}), trip({ kind: 'warm-up', offeredDrivers: 0 })))
    expect(loss).toEqual({
      requests: 2,
      withoutOffer: 0,
      withSeveralOffers: 0,
      wrongState: 0,
      deadLetters: 0,
      differences: 0,
    })
    expect(isLossy(loss)).toBe(false)
  })

  it.each([
    ['no offer', withOutcomes(trip({ offers: 0, offeredAt: null })), 'withoutOffer'],
    ['two offers', withOutcomes(trip({ offers: 2 })), 'withSeveralOffers'],
    ['an older state', withOutcomes(trip({ seen: 'started' })), 'wrongState'],
    ['no state', withOutcomes(trip({ seen: null })), 'wrongState'],
    ['a dead letter', { ...RUN, result: { ...RUN.result, deadLetters: 1 } }, 'deadLetters'],
    ['a difference', { ...RUN, differences: 1 }, 'differences'],
  ] as const)('%s is a loss', (_, run, name) => {
    const { loss } = figuresOf(run)
    expect([loss[name], isLossy(loss)]).toEqual([1, true])
  })
})

it('a rebalance takes as long as the longest wait for a commit that began in it', () => {
  const waits = [
    { partition: 'a:0', from: 30_000, to: 30_120 },
    { partition: 'a:0', from: 60_100, to: 60_900 },
    { partition: 'b:0', from: 60_200, to: 60_400 },
    { partition: 'a:0', from: 66_000, to: 66_350 },
    { partition: 'a:0', from: 90_000, to: 99_000 },
  ]
  expect(figuresOf({ ...RUN, result: { ...RUN.result, waits } }).rebalance).toEqual({
    stopMs: 800,
    returnMs: 350,
    usualMs: 120,
    endMs: 500,
    readyMs: 2000,
  })
})

it('processes have their mean and greatest CPU and RSS within the load', () => {
  const look = (atMs: number, cpuPercent: number, rssMiB: number) => ({
    atMs,
    name: 'broker 1',
    kind: 'broker' as const,
    cpuPercent,
    rssMiB,
  })
  const processes = [look(-1000, 90, 900), look(1000, 10, 300), look(2000, 20, 340), look(121_000, 90, 900)]
  expect(figuresOf({ ...RUN, processes }).processes).toEqual([
    { name: 'broker 1', cpuPercent: { mean: 15, most: 20 }, rssMiB: { mean: 320, most: 340 } },
  ])
})
