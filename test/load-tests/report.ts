import { percentile } from '../chaos/waits.ts'
import { BUCKETS, chartBlock, mean, type Point, type Series } from './chart.ts'
import { type Comparison, comparisons, ms } from './comparison.ts'
import { type Figures, type LatencyPart, latencyOf, RESTART_TAIL_MS, type RunRecord, settleMs } from './figures.ts'
import { type LoadTestOptions, requestsPerSecond } from './load-options.ts'
import type { Machine } from './machine.ts'

export interface ReportInput {
  readonly options: LoadTestOptions
  readonly run: RunRecord
  readonly figures: Figures
  readonly machine: Machine
  /** ISO date and time of time 0. */
  readonly date: string
  readonly kafkaVersion: string
}

/** The report as Markdown. */
export function reportOf(input: ReportInput): string {
  const sections = [head(input), beside(input), latency(input), loss(input), rebalance(input), processes(input)]
  return `${[...sections, charts(input), repeat(input)].join('\n\n')}\n`
}

export function table(head: readonly string[], rows: ReadonlyArray<readonly (string | number)[]>): string {
  const align = head.map((_, i) => (i === 0 ? '---' : '---:'))
  return [head, align, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

export function comparisonRows(all: readonly Comparison[]): readonly string[][] {
  return all.map(({ figure, record, ours, isMet }) => [figure, record, ours, isMet ? 'yes' : 'no'])
}

export const COMPARISON_HEAD = ['figure', 'decision record', 'this run', 'met']

function head({ options, run, machine, date, kafkaVersion }: ReportInput): string {
  const { seconds, trips, drivers } = options
  const { before, after } = run.machineLoad
  return `# Load test

This page is the report of one run of \`npm run load-test\`, and the run wrote it. ${trips} trips are requested at once.
Beside them ${drivers} drivers tell their positions and further trips are requested, for ${seconds} s. The first table
compares the run with the figures of the decision record.

- **Date**: ${date}, commit ${machine.commit}
- **Machine**: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB. Brokers, instances and load share it.
- **Load of the machine** (processes that run or want to, mean of one minute): ${before.toFixed(1)} before the brokers
  started, ${after.toFixed(1)} when the last event was sent. More than the number of cores means that processes waited.
- **Brokers**: three, Kafka ${kafkaVersion} (KRaft, each is broker and controller), replication factor 3,
  min.insync.replicas 2
- **Application**: two instances of \`ride-streams start\`, all processors, defaults (one thread each, exactly_once_v2,
  commit interval 100 ms), Node ${machine.node}${warning(before, machine.cores)}`
}

/** A run on a busy machine says little about times, and its report must say so. */
function warning(loadBefore: number, cores: number): string {
  if (loadBefore < cores) return ''
  return `

**Read the times with care.** Others used this machine: before the run, ${loadBefore.toFixed(1)} of their processes
wanted its ${cores} cores. Every time below includes the wait for a core, and the judgements on time say little. Counts
(loss, differences) do not depend on it.`
}

function beside({ figures }: ReportInput): string {
  return `## Beside the decision record

${table(COMPARISON_HEAD, comparisonRows(comparisons(figures)))}

What cannot be compared as it stands:

- The record does not say on what machine it was measured. Here everything shares one machine, so times include the wait
  for a core.
- The record has one P95. Here are two: one of the trips requested at once, which wait for each other, and one of the
  steady time. Neither counts requests during the restart, which have a line of their own below.
- The lag is the greatest of each second, the P95 that of these seconds. The group's coordinator is asked every 80 ms,
  and the application commits every 100 ms: an age up to the sum of both is the usual course, not a queue.
- The record does not say what a percent of CPU is of. Here 100 % is one core.
- The record does not say what memory it counts. Here it is the resident size (RSS) of the broker's process: the Java
  heap (at most 384 MiB), class data, compiled code, threads and mapped index files. The page cache, which holds the
  logs, is not in it.
- The rate is a setting of the run (\`--rate\`), not a limit: \`BENCHMARKS.md\` has the limits.`
}

const PARTS: Readonly<Record<LatencyPart, string>> = {
  burst: 'requested at once',
  beside: 'others of the first seconds',
  restart: 'during the restart',
  steady: 'steady',
}

function latency({ figures, run }: ReportInput): string {
  const rows = Object.entries(PARTS).map(([part, name]) => {
    const { requests, p50, p95, p99, most } = figures.latency[part as LatencyPart]
    return [name, requests, ...[p50, p95, p99, most].map(ms)]
  })
  const { loss, offersWithDrivers } = figures
  return `## Latency

From the produce call of \`trip.requested\` to the arrival of its record of \`trip.offers\` at a read_committed consumer
outside the application. An offer takes three transactions, one after the other: the trip, the search in the index of
drivers, and the answers of all areas put together.

${table(['requests', 'number', 'P50', 'P95', 'P99', 'most'], rows)}

The first seconds are ${settleMs(run.seconds) / 1000} s. The restart lasts from SIGTERM until ${RESTART_TAIL_MS / 1000} s after
the instance is ready again. Requests of the warm-up count for the loss only. ${offersWithDrivers} of ${loss.requests}
offers name drivers. An offer is empty when all drivers near are taken.`
}

function loss({ figures, run }: ReportInput): string {
  const { requests, withoutOffer, withSeveralOffers, wrongState, deadLetters, differences } = figures.loss
  const states = Map.groupBy(run.result.outcomes, ({ expected }) => expected)
  const ended = [...states].map(([status, trips]) => `${trips.length} ${status}`).sort()
  return `## Loss

${table(
  ['check', 'number'],
  [
    ['requests', requests],
    ['requests without an offer', withoutOffer],
    ['requests with several offers', withSeveralOffers],
    ['trips whose last state is not that of their last event', wrongState],
    ['dead letters', deadLetters],
    ['differences found by `ride-streams verify`', differences],
  ],
)}

${run.result.sent} events went in and ${run.result.received} records came out, warm-up and end included. So the trips
stood at the end: ${ended.join(', ')}.
A passenger cancels when other trips have taken all drivers of the offer: the trips that are requested at once want
as many drivers as the default city has.`
}

function rebalance({ figures, run }: ReportInput): string {
  const { stopMs, returnMs, usualMs, endMs, readyMs } = figures.rebalance
  return `## Rebalance

At ${(run.restart.stopAt / 1000).toFixed(1)} s one of the two instances got SIGTERM, and at
${(run.restart.startAt / 1000).toFixed(1)} s it was started again. The time without a commit is the longest time in
which events of an input partition waited and the group committed nothing of that partition, as its coordinator tells.
A commit and its outputs are one transaction, so it is also the time without outputs.

${table(
  ['what', 'time'],
  [
    ['longest time without a commit, after SIGTERM', ms(stopMs)],
    ['longest time without a commit, after the new start', ms(returnMs)],
    ['the same in the steady time before', ms(usualMs)],
    ['from SIGTERM to the end of the process', ms(endMs)],
    ['from the new start until `/health/ready` is 200: all tasks are active', ms(readyMs)],
  ],
)}`
}

function processes({ figures, machine }: ReportInput): string {
  const rows = figures.processes.map(({ name, cpuPercent, rssMiB }) => [
    name,
    ...[cpuPercent.mean, cpuPercent.most].map((value) => `${value.toFixed(0)} %`),
    ...[rssMiB.mean, rssMiB.most].map((value) => `${value.toFixed(0)} MiB`),
  ])
  const busy = figures.processes.reduce((sum, { cpuPercent }) => sum + cpuPercent.mean, 0)
  return `## Processes

From \`/proc\`, once a second; 100 % is one core. All of them together used ${busy.toFixed(0)} % of
${machine.cores * 100} % in the mean. The load is the sender of the events, the consumer of the outputs and the
measurement.

${table(['process', 'CPU, mean', 'CPU, most', 'RSS, mean', 'RSS, most'], rows)}`
}

function charts({ run, options }: ReportInput): string {
  const { seconds, samples, processes: looks, result, restart } = run
  const share = (percent: number) => (values: readonly number[]) => percentile(values, percent / 100) ?? 0
  const most = (values: readonly number[]): number => Math.max(...values)
  const rates = (of: (sample: (typeof samples)[number]) => number): readonly Point[] =>
    samples.flatMap((sample, i) => {
      const before = samples[i - 1]
      if (before === undefined) return []
      return { atMs: sample.atMs - 1, value: ((of(sample) - of(before)) * 1000) / (sample.atMs - before.atMs) }
    })
  const latencies = result.outcomes.flatMap((outcome): Point[] => {
    const value = latencyOf(outcome)
    return value === null ? [] : [{ atMs: outcome.requestedAt, value }]
  })
  const cpuOf = (kind: string): readonly Point[] =>
    [...Map.groupBy(looks, ({ atMs }) => atMs)].map(([atMs, all]) => ({
      atMs,
      value: all.filter((one) => one.kind === kind).reduce((sum, { cpuPercent }) => sum + cpuPercent, 0),
    }))
  const names = [...new Set(looks.filter(({ kind }) => kind === 'broker').map(({ name }) => name))]
  const rss = names.map(
    (name): Series => ({
      shape: 'line',
      points: looks.filter((look) => look.name === name).map(({ atMs, rssMiB }) => ({ atMs, value: rssMiB })),
      summary: mean,
    }),
  )
  const chart = (title: string, unit: string, ...series: Series[]): string =>
    chartBlock({ title, unit, seconds, series })
  return `## Charts

Each bar and each point stands for ${seconds / BUCKETS} s. At ${(restart.stopAt / 1000).toFixed(0)} s one of two instances
stops; at ${(restart.startAt / 1000).toFixed(0)} s it starts again.

Events per second: in (bars) and out (line). The first seconds hold ${options.trips} requests at once.

${chart(
  'events per second',
  'events/s',
  { shape: 'bar', points: rates(({ sent }) => sent), summary: mean },
  { shape: 'line', points: rates(({ received }) => received), summary: mean },
)}

Latency by the time of the request: P95 (bars) and P50 (line).

${chart(
  'until the offer arrives',
  'ms',
  { shape: 'bar', points: latencies, summary: share(95) },
  { shape: 'line', points: latencies, summary: share(50) },
)}

Lag: the greatest age of an event that was not committed.

${chart('lag', 'ms', { shape: 'bar', points: samples.map(({ atMs, lagMs }) => ({ atMs: atMs - 1, value: lagMs })), summary: most })}

CPU: three brokers together (bars) and the instances together (line).

${chart(
  'CPU, 100 % = one core',
  '%',
  { shape: 'bar', points: cpuOf('broker'), summary: mean },
  { shape: 'line', points: cpuOf('instance'), summary: mean },
)}

Memory of the brokers: one line each.

${chart('RSS of the brokers', 'MiB', ...rss)}`
}

function repeat({ options }: ReportInput): string {
  const { seconds, trips, drivers, rate, seed, warmUp } = options
  return `## How to repeat it

\`\`\`sh
npm run load-test -- --seconds ${seconds} --trips ${trips} --drivers ${drivers} --rate ${rate} --seed ${seed} \\
  --warm-up ${warmUp}
\`\`\`

It needs Linux (\`/proc\`) and Java 17, and takes about a minute longer than load and warm-up. Before time 0 the load
warms up for ${warmUp} s: positions and ${requestsPerSecond(options).toFixed(1)} requests per second, as after it. Brokers
that were just started spend half of their CPU on compiling themselves; those of the record had been running. The same
seed gives the same places and durations; which driver takes which trip depends on the offers.
\`test/load-tests/city-load.ts\` has the load, \`test/load-tests/figures.ts\` the arithmetic.`
}
