import { describe, expect, it } from 'vitest'
import { rideViews } from '../../app/http/ride-views.ts'
import { bar } from '../../cli/bar.ts'
import { Dashboard, type Snapshot } from '../../cli/dev/dashboard.ts'
import { type FeedStatus, renderFrame, renderPlainLine } from '../../cli/dev/frame.ts'
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
    {
      name: 'commit_seconds',
      help: '',
      type: 'histogram',
      samples: [],
      histograms: [{ labels: {}, bounds: [0.01, 0.1], counts: commitCounts, sum: 0 }],
    },
  ]
}

/** The topic's letters, whatever this instance has counted. */
const letters = {
  latest: async () => ({ latest: [], count: 3, byReason: [['schema', 3] as const], isComplete: true }),
  find: async () => null,
  rest: async () => {},
}

describe('Dashboard', () => {
  it('counts trips over all pages, and takes the latest hours and the differences of metrics', async () => {
    let now = 0
    const source = instance()
    const dashboard = new Dashboard({ instance: source, views: rideViews, letters, now: () => now })
    source.families = metrics(100, [4, 0, 0])
    // A busy machine may count the trips in several steps.
    await expect.poll(async () => (await dashboard.read()).trips?.started).toBe(500)
    now = 2000
    source.families = metrics(1100, [4, 2, 0])
    const snapshot = await dashboard.read()
    expect(snapshot).toMatchObject({
      state: 'RUNNING',
      trips: { requested: 0, accepted: 0, started: 500, completed: 2000, cancelled: 0 },
      eventsTotal: 1100,
      eventsPerSecond: 500,
      lag: 7,
      deadLetters: { count: 3 },
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
    const snapshot = await new Dashboard({ instance: source, views: rideViews, letters }).read()
    expect(snapshot).toMatchObject({ trips: null, hours: [] })
  })
})

const feed: FeedStatus = { at: Date.UTC(2019, 2, 4, 17, 5), done: 812, all: 6500, speed: 9000, planted: 12, live: null }
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
  deadLetters: { count: 14, byReason: [['schema', 14]], isComplete: true },
  exampleTripId: 't-77',
}
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
const surroundings = {
  brokers: '127.0.0.1:9092',
  kafka: 'Kafka 4.2.1, docker',
  url: 'http://127.0.0.1:8080',
  logFile: '.state/dev.log',
  guarantee: 'exactly_once_v2',
}

describe('renderFrame', () => {
  it('shows trips, revenue, rate, lag, latency, dead letters and where to look', () => {
    const text = renderFrame({ snapshot, surroundings, feed, columns: 120, rows: 40, color: false }).join('\n')
    for (const part of [
      'RUNNING',
      '812 of 6,500  2019-03-04 17:05 UTC, 9,000x',
      /completed {3}█{32} 800$/m,
      /03-04 16:00 █{32} \$100\.50 {2}6 trips$/m,
      '3,412/s  lag 12  123,456 since start',
      'p50 9.1 ms  p99 31 ms',
      '14 in the topic  schema 14',
      'the demo sent 12 invalid events on purpose: see dlq list',
      'bin/ride-streams dlq list',
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

  it.each([
    ['while the month is fed', feed, snapshot],
    ['while rides are live', { ...feed, done: 6500, live: 123_456 }, snapshot],
    [
      'while brokers are silent',
      feed,
      { ...snapshot, silentBrokers: ['127.0.0.1:9092'], lag: null, deadLetters: null },
    ],
    ['while stores restore', feed, restoring],
  ])('at 80 columns loses no character and breaks no line: %s', (_, fed, shown) => {
    const render = (columns: number) =>
      renderFrame({ snapshot: shown, surroundings, feed: fed, columns, rows: 40, color: false })
    expect(render(80)).toEqual(render(1000))
  })

  it('a line that is too long for the terminal goes on in the next one', () => {
    const brokers = Array.from({ length: 9 }, (_, i) => `broker-${i}.kafka.example.com:9092`).join(',')
    const render = (columns: number) =>
      renderFrame({ snapshot, surroundings: { ...surroundings, brokers }, feed, columns, rows: 60, color: false })
    const text = (lines: string[]): string => lines.join('').replace(/\s/g, '')
    expect(render(80).every((line) => line.length <= 80)).toBe(true)
    expect(text(render(80))).toBe(text(render(1000)))
  })

  it('drops empty lines and old hours until it fits a small terminal, and keeps the addresses', () => {
    const hours = Array.from({ length: 10 }, (_, h) => ({ hour: `2019-03-04T0${h}:00:00Z`, revenue: 1, trips: 1 }))
    const input = { snapshot: { ...snapshot, hours }, surroundings, feed, columns: 80, color: false }
    const small = renderFrame({ ...input, rows: 23 })
    expect(small).toHaveLength(23)
    expect(small).not.toContain('')
    expect(small.at(-1)).toMatch('Ctrl-C')
    expect(small.filter((line) => line.startsWith('  03-04'))).toHaveLength(3)
    expect(small.join()).toMatch('03-04 09:00')
    const large = renderFrame({ ...input, rows: 35 })
    expect(large.length).toBeLessThanOrEqual(35)
    expect(large.filter((line) => line === '')).toHaveLength(5)
  })

  it('shows the progress of restores, in total and by store, and when they will end', () => {
    const text = renderFrame({ snapshot: restoring, surroundings, feed, columns: 120, rows: 40, color: false }).join(
      '\n',
    )
    expect(text).toMatch(/^Restoring {5}█{3}▏ {6} 31 % {2}50,000 of 160,000 {2}25,000\/s {2}2 s left$/m)
    expect(text).toMatch(/^ {2}trip-state {9}█{5} {5} 50 % {2}50,000 of 100,000 {2}25,000\/s {2}2 s left$/m)
    expect(text).toMatch(/^ {2}driver-cells {17} 0 % {2}0 of 60,000 {2}0\/s$/m)
    expect(text).not.toMatch(/ {2}hourly-revenue/)
    expect(renderPlainLine(restoring, feed)).toMatch('trips: restoring 31 %')
  })

  it('shows that the month is over, and that stores are restoring', () => {
    const all = { ...feed, done: 6500, live: 7 }
    const text = renderFrame({
      snapshot: { ...snapshot, trips: null, hours: [] },
      surroundings,
      feed: all,
      columns: 120,
      rows: 40,
      color: false,
    }).join('\n')
    expect(text).toMatch('7 since the start, stamped now; the month (6,500) is fed')
    expect(text).toMatch('stores are being restored')
    expect(text).toMatch('no completed trip yet')
  })
})

it('renderPlainLine prints one line', () => {
  expect(renderPlainLine(snapshot, feed)).toBe(
    'RUNNING; rides fed 812/6500; trips: requested 1, accepted 2, started 4, completed 800, cancelled 5; ' +
      'revenue of 2019-03-04T16:00:00Z 100.50; 3412 events/s, lag 12, commit p99 31 ms, dead letters 14 (12 sent on purpose)',
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
