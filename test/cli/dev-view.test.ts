import { describe, expect, it } from 'vitest'
import { rideViews } from '../../app/http/ride-views.ts'
import { bar } from '../../cli/bar.ts'
import { Dashboard, type Snapshot } from '../../cli/dev/dashboard.ts'
import { cutLine, type FeedStatus, renderFrame, renderPlainLine } from '../../cli/dev/frame.ts'
import type { Restored } from '../../cli/restore-tally.ts'
import { NO_TRIP, type Trip } from '../../processors/trip-state/trip-state.ts'
import { StoreUnavailableError } from '../../runtime/ports/instance.ts'
import type { MetricFamily } from '../../runtime/ports/metrics.ts'
import { InMemoryInstance } from '../support/in-memory-instance.ts'

const mark = { at: Date.UTC(2019, 2, 1, 10), sub: '', eventId: 'e' }
const started: Trip = { ...NO_TRIP, started: { ...mark, driverId: 'd' } }
const completed: Trip = {
  ...NO_TRIP,
  completed: { ...mark, driverId: 'd', finalFare: 1250, completedAt: mark.at },
}

function instance(): InMemoryInstance {
  const trips = Array.from({ length: 2500 }, (_, i): [string, unknown] => [
    `t-${String(i).padStart(4, '0')}`,
    { value: i < 2000 ? completed : started, timestamp: 0 },
  ])
  const hours = Array.from({ length: 24 }, (_, h): [string, unknown] => [
    `2019-03-01T${String(h).padStart(2, '0')}:00:00Z`,
    { value: { cents: h * 100, trips: h }, timestamp: 0 },
  ])
  return new InMemoryInstance({ 'trip-state': new Map(trips), 'hourly-revenue': new Map(hours) })
}

function metrics(processed: number, commitCounts: number[]): MetricFamily[] {
  const counter = (name: string, labels: Record<string, string>, value: number): MetricFamily => ({
    name,
    help: '',
    type: 'counter',
    samples: [{ labels, value }],
    histograms: [],
  })
  return [
    counter('records_processed_total', { topic: 'a' }, processed),
    counter('kafka_consumer_lag', { topic: 'a' }, 7),
    counter('dead_letters_total', { topic: 'a', reason: 'schema' }, 3),
    {
      name: 'commit_seconds',
      help: '',
      type: 'histogram',
      samples: [],
      histograms: [{ labels: {}, bounds: [0.01, 0.1], counts: commitCounts, sum: 0 }],
    },
  ]
}

describe('Dashboard', () => {
  it('counts trips over all pages, and takes the latest hours and the differences of metrics', async () => {
    let now = 0
    const source = instance()
    const dashboard = new Dashboard(source, rideViews, () => now)
    source.families = metrics(100, [4, 0, 0])
    await dashboard.read()
    now = 2000
    source.families = metrics(1100, [4, 2, 0])
    const snapshot = await dashboard.read()
    expect(snapshot).toMatchObject({
      state: 'RUNNING',
      trips: { requested: 0, accepted: 0, started: 500, completed: 2000, cancelled: 0 },
      eventsTotal: 1100,
      eventsPerSecond: 500,
      lag: 7,
      deadLetters: 3,
      exampleTripId: 't-0000',
    })
    expect(snapshot.commitP50).toBeCloseTo(0.055)
    expect(snapshot.hours.map(({ hour }) => hour.slice(11, 13))).toEqual(
      Array.from({ length: 10 }, (_, i) => String(14 + i)),
    )
  })

  it('shows that stores are being restored', async () => {
    const source = instance()
    source.failure = new StoreUnavailableError('restoring')
    const snapshot = await new Dashboard(source, rideViews).read()
    expect(snapshot).toMatchObject({ trips: null, hours: [] })
  })
})

const feed: FeedStatus = { at: Date.UTC(2019, 2, 4, 17, 5), done: 812, all: 6500, speed: 9000, finished: false }
const snapshot: Snapshot = {
  state: 'RUNNING',
  restore: null,
  trips: { requested: 1, accepted: 2, started: 4, completed: 800, cancelled: 5 },
  hours: [
    { hour: '2019-03-04T15:00:00Z', revenue: 50, trips: 3 },
    { hour: '2019-03-04T16:00:00Z', revenue: 100.5, trips: 6 },
  ],
  eventsTotal: 123_456,
  eventsPerSecond: 3412.4,
  lag: 12,
  silentBrokers: [],
  commitP50: 0.0091,
  commitP99: 0.031,
  deadLetters: 14,
  deadLettersByReason: new Map([['schema', 14]]),
  exampleTripId: 't-77',
}
const surroundings = {
  brokers: '127.0.0.1:9092',
  kafka: 'Apache Kafka 4.2.1',
  url: 'http://127.0.0.1:8080',
  logFile: '.state/dev.log',
  guarantee: 'exactly_once_v2',
}

describe('renderFrame', () => {
  it('shows trips, revenue, rate, lag, latency, dead letters and where to look', () => {
    const text = renderFrame({ snapshot, surroundings, feed, columns: 120, rows: 40, color: false }).join('\n')
    for (const part of [
      'RUNNING',
      '812 of 6,500  2019-03-04 17:05 UTC, 9,000 times real time',
      /completed {3}█{32} 800$/m,
      /03-04 16:00 █{32} \$100\.50 {2}6 trips$/m,
      '3,412/s  lag 12  123,456 since start, internal topics too',
      'p50 9.1 ms  p99 31 ms',
      '14 since start  schema 14',
      'http://127.0.0.1:8080/trips?status=started',
      'export KAFKA_BROKERS=127.0.0.1:9092',
      'bin/ride-streams rebuild-trip t-77 --events',
    ]) {
      expect(text).toMatch(part)
    }
    expect(text).not.toContain('\u001b')
  })

  it('fits the width of the terminal, with colours too', () => {
    const lines = renderFrame({ snapshot, surroundings, feed, columns: 40, rows: 40, color: true })
    for (const line of lines) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: ANSI colour codes begin with ESC
      expect(line.replace(/\u001b\[[0-9;]*m/g, '').length).toBeLessThanOrEqual(40)
    }
  })

  it('drops empty lines and old hours until it fits a small terminal, and keeps the addresses', () => {
    const hours = Array.from({ length: 10 }, (_, h) => ({ hour: `2019-03-04T0${h}:00:00Z`, revenue: 1, trips: 1 }))
    const input = { snapshot: { ...snapshot, hours }, surroundings, feed, columns: 80, color: false }
    const small = renderFrame({ ...input, rows: 23 })
    expect(small).toHaveLength(23)
    expect(small).not.toContain('')
    expect(small.at(-1)).toMatch('Ctrl-C')
    expect(small.filter((line) => line.startsWith('  03-04'))).toHaveLength(4)
    expect(small.join()).toMatch('03-04 09:00')
    const large = renderFrame({ ...input, rows: 35 })
    expect(large.length).toBeLessThanOrEqual(35)
    expect(large.filter((line) => line === '')).toHaveLength(5)
  })

  it('shows the progress of restores, in total and by store, and when they will end', () => {
    const half: Restored = { done: 50_000, total: 100_000, recordsPerSecond: 25_000, etaSeconds: 2 }
    const restore = {
      ...half,
      total: 160_000,
      stores: new Map([
        ['trip-state', half],
        ['driver-cells', { done: 0, total: 60_000, recordsPerSecond: 0, etaSeconds: null }],
        ['hourly-revenue', { done: 24, total: 24, recordsPerSecond: 0, etaSeconds: 0 }],
      ]),
    }
    const restoring = { ...snapshot, state: 'REBALANCING', restore, trips: null, hours: [] } as const
    const text = renderFrame({ snapshot: restoring, surroundings, feed, columns: 120, rows: 40, color: false }).join(
      '\n',
    )
    expect(text).toMatch(/^Restoring {5}█{10} {22} 31 % {2}50,000 of 160,000 {2}25,000\/s {2}2 s left$/m)
    expect(text).toMatch(/^ {2}trip-state {9}█{16} {16} 50 % {2}50,000 of 100,000 {2}25,000\/s {2}2 s left$/m)
    expect(text).toMatch(/^ {2}driver-cells {39} 0 % {2}0 of 60,000 {2}0\/s$/m)
    expect(text).not.toMatch(/ {2}hourly-revenue/)
    expect(renderPlainLine(restoring, feed)).toMatch('trips: restoring 31 %')
  })

  it('shows that the month is over, and that stores are restoring', () => {
    const all = { ...feed, done: 6500, finished: true }
    const text = renderFrame({
      snapshot: { ...snapshot, trips: null, hours: [] },
      surroundings,
      feed: all,
      columns: 120,
      rows: 40,
      color: false,
    }).join('\n')
    expect(text).toMatch('the whole month has been fed')
    expect(text).toMatch('stores are being restored')
    expect(text).toMatch('no completed trip yet')
  })
})

it('renderPlainLine prints one line', () => {
  expect(renderPlainLine(snapshot, feed)).toBe(
    'RUNNING; rides fed 812/6500; trips: requested 1, accepted 2, started 4, completed 800, cancelled 5; ' +
      'revenue of 2019-03-04T16:00:00Z 100.50; 3412 events/s, lag 12, commit p99 31 ms, dead letters 14',
  )
})

describe('a progress bar', () => {
  it.each([
    [0, '    '],
    [0.5, '██  '],
    [0.53125, '██▏ '],
    [1, '████'],
    [7, '████'],
    [-1, '    '],
  ])('shows %d', (share, expected) => {
    expect(bar(share, 4)).toBe(` ${expected}`)
  })
})

it('cutLine cuts by visible characters and keeps colour codes', () => {
  expect(cutLine('\u001b[1mabcdef\u001b[22mghi', 4)).toBe('\u001b[1mabcd\u001b[22m')
})
