import { expect, it } from 'vitest'
import { buckets, chartBlock, mean } from './chart.ts'
import type { TripOutcome } from './city-load.ts'
import { comparisons, ms } from './comparison.ts'
import { figuresOf, type RunRecord } from './figures.ts'
import { loadTestOptions, requestsPerSecond, UsageError } from './load-options.ts'
import { comparisonRows, reportOf } from './report.ts'

const SECONDS = 120
const PROCESSES = ['broker 1', 'broker 2', 'broker 3', 'instance 1', 'instance 2', 'load']
const KINDS = ['broker', 'broker', 'broker', 'instance', 'instance', 'load'] as const

/** A run at 220 events per second in which every offer takes so long. */
function runWith(latencyMs: number): RunRecord {
  const seconds = Array.from({ length: SECONDS }, (_, i) => i)
  const outcome = (kind: TripOutcome['kind'], requestedAt: number): TripOutcome => ({
    kind,
    requestedAt,
    offeredAt: requestedAt + latencyMs,
    offers: 1,
    offeredDrivers: 10,
    expected: 'completed',
    seen: 'completed',
  })
  return {
    seconds: SECONDS,
    samples: seconds.map((i) => ({ atMs: i * 1000 + 500, sent: i * 220, received: i * 90, lagMs: 60, lagRecords: 9 })),
    processes: seconds.flatMap((i) =>
      PROCESSES.map((name, n) => ({ atMs: i * 1000, name, kind: KINDS[n] ?? 'load', cpuPercent: 10 + n, rssMiB: 400 })),
    ),
    result: {
      outcomes: [outcome('burst', 0), ...seconds.map((i) => outcome('steady', i * 1000 + 200))],
      waits: [{ partition: 'a:0', from: 60_100, to: 60_900 }],
      sent: 26_400,
      received: 10_800,
      deadLetters: 0,
    },
    restart: { stopAt: 60_000, endedAt: 60_500, startAt: 65_000, readyAt: 67_000 },
    differences: 0,
    machineLoad: { before: 0.2, after: 3.4 },
  }
}

function reportWith(latencyMs: number, machineLoadBefore = 0.2): string {
  const run = { ...runWith(latencyMs), machineLoad: { before: machineLoadBefore, after: 3.4 } }
  return reportOf({
    options: loadTestOptions([]),
    run,
    figures: figuresOf(run),
    machine: { cpu: 'A CPU', cores: 2, memoryGiB: 24, node: 'v24.0.0', commit: 'abcdef0' },
    date: '2026-11-28 22:30',
    kafkaVersion: '4.2.1',
  })
}

it('each figure of the decision record stands beside ours, with the judgement', () => {
  expect(comparisonRows(comparisons(figuresOf(runWith(90))))).toEqual([
    ['events per second', '217/s', '220/s in, 90/s out', 'yes'],
    ['lag (age of the oldest event not committed), P95', '< 100 ms', '60 ms, median 60 ms', 'yes'],
    ["P95 until the drivers' offer arrives, steady", '85 ms', '90 ms', 'no'],
    ["P95 until the drivers' offer arrives, trips requested at once", '85 ms', '90 ms', 'no'],
    ['loss', '0', '0 of 121 requests, 0 differences', 'yes'],
    ['rebalance: longest time without a commit', '< 3 s', '800 ms', 'yes'],
    ['broker CPU (of one core, mean, greatest broker)', '15 %', '12 %', 'yes'],
    ['broker memory (RSS, greatest broker)', '450 MB', '419 MB', 'yes'],
  ])
})

it('a run without any offer meets no latency', () => {
  const run = runWith(90)
  const outcomes = run.result.outcomes.map((outcome) => ({ ...outcome, offeredAt: null, offers: 0 }))
  const rows = comparisonRows(comparisons(figuresOf({ ...run, result: { ...run.result, outcomes } })))
  expect(rows.slice(2, 5).map(([, , ours, isMet]) => [ours, isMet])).toEqual([
    ['-', 'no'],
    ['-', 'no'],
    ['see below', 'no'],
  ])
})

it.each([40, 98_765])('the report of latencies of %s ms has every section and no line wider than 120', (latencyMs) => {
  const report = reportWith(latencyMs)
  expect([...report.matchAll(/^## (.+)$/gm)].map(([, title]) => title)).toEqual([
    'Beside the decision record',
    'Latency',
    'Loss',
    'Rebalance',
    'Processes',
    'Charts',
    'How to repeat it',
  ])
  expect(report.match(/^```mermaid$/gm)?.length).toBe(5)
  expect(report.split('\n').filter((line) => line.length > 120 && !line.startsWith('|'))).toEqual([])
  expect(report).not.toMatch(/NaN|undefined|Infinity/)
})

it('the report of a run on a busy machine warns of its times', () => {
  expect(reportWith(40, 1.9)).not.toContain('Read the times with care')
  expect(reportWith(40, 20.5)).toContain(
    '**Read the times with care.** Others used this machine: before the run, 20.5 of their processes\nwanted its 2 cores.',
  )
})

it('a chart has the mean of each bucket, and 0 where nothing was seen', () => {
  const points = [
    { atMs: -5, value: 99 },
    { atMs: 0, value: 10 },
    { atMs: 999, value: 21 },
    { atMs: 2000, value: 7 },
    { atMs: 3000, value: 99 },
  ]
  expect(buckets(points, 3, mean, 3)).toEqual([16, 0, 7])
})

it('a chart names its axes and draws each series', () => {
  const points = Array.from({ length: 15 }, (_, i) => ({ atMs: i * 1000, value: i * 10 }))
  const series = [
    { shape: 'bar' as const, points, summary: mean },
    { shape: 'line' as const, points: [], summary: mean },
  ]
  expect(chartBlock({ title: 'lag', unit: 'ms', seconds: 15, series }).split('\n')).toEqual([
    '```mermaid',
    'xychart-beta',
    '  title "lag"',
    '  x-axis "seconds" 0 --> 15',
    '  y-axis "ms" 0 --> 147',
    '  bar [0,10,20,30,40,50,60,70,80,90,100,110,120,130,140]',
    '  line [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]',
    '```',
  ])
})

it('times are milliseconds, and seconds from ten thousand on', () => {
  expect([ms(84.6), ms(9999), ms(12_345), ms(null)]).toEqual(['85 ms', '9999 ms', '12.3 s', '-'])
})

it('new requests bring the drivers to the wanted rate', () => {
  expect(requestsPerSecond(loadTestOptions([]))).toBe(10)
  expect(requestsPerSecond(loadTestOptions(['--drivers', '100', '--rate', '60']))).toBe(5)
})

it.each([
  [['--seconds', 'x'], '--seconds x: a number from 10 on is wanted'],
  [['--trips', '0'], '--trips 0: a number from 1 on is wanted'],
  [['--rate', '200'], '--rate 200: the drivers alone make 200/s'],
  [['--brokers', '1'], "Unknown option '--brokers'"],
])('%j is refused', (args, message) => {
  expect(() => loadTestOptions(args)).toThrow(UsageError)
  expect(() => loadTestOptions(args)).toThrow(message)
})
