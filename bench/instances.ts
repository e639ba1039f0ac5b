/*
 * npm run bench:instances [-- --instances N --events N --rounds N]
 *
 * N instances of one application against one, on one machine: the same input, the same yardstick as npm run bench (offsets committed by
 * the group), between a tenth and nine tenths of all records. One instance runs with one thread and with two; the ratio is that to the
 * faster one. The broker waits for members before a group's first generation twice as long as Kafka does by default, so that
 * all instances begin together: a run in which they did not, or have uneven numbers of tasks, does not count and is repeated.
 */
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { CORE_PROCESSORS } from '../processors/processor-names.ts'
import { AppProcess } from '../test/support/app-process.ts'
import { parseMetrics } from '../test/support/metrics-text.ts'
import { type BenchRun, benchRun } from './bench-run.ts'
import { type BenchCluster, startBenchCluster } from './cluster.ts'
import { medianBy } from './median.ts'
import { processUsage } from './process-usage.ts'

/** Twice Kafka's default; the local broker has 0. */
const INITIAL_REBALANCE_DELAY_MS = 6000
const ATTEMPTS = 3

const { values } = parseArgs({
  options: {
    instances: { type: 'string', default: '3' },
    events: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
  },
})
const events = Number(values.events)

interface Shape {
  readonly instances: number
  readonly threads: number
}

interface Result {
  readonly perSecond: number
  readonly totalSeconds: number
  /** Sum over all instances. */
  readonly cpuSeconds: number
  readonly peakRssMiB: number
}

const ONE: Shape = { instances: 1, threads: 1 }
const MANY: Shape = { instances: Number(values.instances), threads: 1 }
const SHAPES: readonly Shape[] = [ONE, { instances: 1, threads: 2 }, MANY]

/** The instances did not begin together with a fair share each. */
class UnevenError extends Error {}

say(`loading ${events} events`)
const cluster = await startBenchCluster(events, {
  properties: { 'group.initial.rebalance.delay.ms': String(INITIAL_REBALANCE_DELAY_MS) },
})
try {
  // A broker's first minute is its slowest.
  say('warming the broker up')
  for (const shape of [ONE, MANY]) await measured(shape, cluster)
  const results = new Map<Shape, Result[]>(SHAPES.map((shape) => [shape, []]))
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const shape of SHAPES) {
      const result = await measured(shape, cluster)
      say(`round ${round}, ${nameOf(shape)}: ${Math.round(result.perSecond)}/s`)
      results.get(shape)?.push(result)
    }
  }
  print(results)
} finally {
  await cluster.stop()
}

async function measured(shape: Shape, bench: BenchCluster): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await benchRun(bench, 'bench-instances', (run) => measure(shape, run))
    } catch (error) {
      if (!(error instanceof UnevenError) || attempt === ATTEMPTS) throw error
      say(`${nameOf(shape)}: does not count, ${error.message}`)
    }
  }
}

async function measure({ instances, threads }: Shape, run: BenchRun): Promise<Result> {
  const { bootstrap, applicationId, stateDir, committed } = run
  const progress = committed(events)
  const starts = Array.from({ length: instances }, (_, i) =>
    AppProcess.start({
      KAFKA_BROKERS: bootstrap,
      APPLICATION_ID: applicationId,
      NUM_STREAM_THREADS: String(threads),
      STATE_DIR: join(stateDir, String(i)),
      PROCESSORS: CORE_PROCESSORS.join(),
    }),
  )
  try {
    const [started] = await Promise.all([Promise.all(starts), progress])
    await expectEven(started)
    const usages = await Promise.all(started.map(({ pid }) => processUsage(pid)))
    const { middlePerSecond, totalSeconds } = await progress
    return {
      perSecond: middlePerSecond,
      totalSeconds,
      cpuSeconds: usages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
      peakRssMiB: usages.reduce((sum, { peakRssMiB }) => sum + peakRssMiB, 0),
    }
  } finally {
    // One that is still starting, too.
    for (const start of await Promise.allSettled(starts)) {
      if (start.status === 'fulfilled') await start.value.end('SIGTERM')
    }
  }
}

/** @throws UnevenError when the instances did not begin together, or not with the same number of tasks */
async function expectEven(apps: readonly AppProcess[]): Promise<void> {
  const counts: number[] = []
  for (const { url } of apps) {
    const { rows } = (await (await fetch(`${url}/tasks`)).json()) as { rows: ReadonlyArray<{ state: string }> }
    counts.push(rows.filter(({ state }) => state === 'running').length)
    const metrics = parseMetrics(await (await fetch(`${url}/metrics`)).text())
    const rebalances = metrics.find(({ name }) => name === 'rebalances_total')?.value
    if (rebalances !== 1) throw new UnevenError(`an instance took part in ${rebalances} rebalances`)
  }
  if (Math.max(...counts) - Math.min(...counts) > 1)
    throw new UnevenError(`tasks of the instances: ${counts.join(', ')}`)
}

function median(results: readonly Result[], of: (result: Result) => number): number {
  return of(medianBy(results, of))
}

function print(measured: ReadonlyMap<Shape, readonly Result[]>): void {
  const table = new Table({
    head: ['instances x threads', 'events/s: median (rounds)', 'total s', 'CPU s, all', 'peak RSS MiB, all'],
    style: { head: [], border: [] },
  })
  for (const [shape, results] of measured) {
    const rounds = results.map(({ perSecond }) => Math.round(perSecond)).join(', ')
    table.push([
      nameOf(shape),
      `${Math.round(median(results, ({ perSecond }) => perSecond))} (${rounds})`,
      median(results, ({ totalSeconds }) => totalSeconds).toFixed(1),
      median(results, ({ cpuSeconds }) => cpuSeconds).toFixed(1),
      median(results, ({ peakRssMiB }) => peakRssMiB).toFixed(0),
    ])
  }
  say(`\n${events} events, ${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}`)
  say(table.toString())
  const speeds = SHAPES.map((shape) => median(measured.get(shape) ?? [], ({ perSecond }) => perSecond))
  const best = Math.max(...speeds.slice(0, -1))
  const ratios = SHAPES.slice(0, -1).map(
    (one, i) => `${((speeds.at(-1) ?? 0) / (speeds[i] ?? 0)).toFixed(2)}x of ${nameOf(one)}`,
  )
  say(
    `${nameOf(MANY)}: ${ratios.join(', ')}; against the faster: ${((speeds.at(-1) ?? 0) / best).toFixed(2)} (target 0.85)`,
  )
}

function nameOf({ instances, threads }: Shape): string {
  return `${instances} x ${threads}`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
