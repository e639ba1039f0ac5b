import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SingleBar } from 'cli-progress'
import Table from 'cli-table3'
import { startJarCluster } from '../../infra/local-kafka/jar-cluster.ts'
import { atEndOfTestProcess } from '../support/at-end-of-test.ts'
import { comparisons, ms } from './comparison.ts'
import { figuresOf, isLossy } from './figures.ts'
import { loadTestOptions, USAGE, UsageError } from './load-options.ts'
import { loadRun } from './load-run.ts'
import type { LoadSample } from './load-thread.ts'
import { loadNow, thisMachine } from './machine.ts'
import { COMPARISON_HEAD, comparisonRows, reportOf } from './report.ts'

/*
 * npm run load-test: the load test of the decision record, three brokers and two instances of the whole application. Prints the
 * comparison and writes the report. Exit code 1 when something was lost, counted twice or is wrong.
 */

const BROKERS = 3

const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function main(): Promise<number> {
  const options = loadTestOptions(process.argv.slice(2))
  const machineLoadBefore = loadNow()
  const directory = await mkdtemp(join(tmpdir(), 'ride-load-'))
  const guard = atEndOfTestProcess('rm -rf -- "$0"', [directory])
  say(`starts three brokers and two instances; the load of this machine is ${machineLoadBefore.toFixed(1)}`)
  const cluster = await startJarCluster({ brokers: BROKERS })
  const bar = progressBar(options.seconds)
  try {
    const run = await loadRun({ cluster, directory, options, machineLoadBefore, onSample: bar.update })
    bar.stop()
    const figures = figuresOf(run)
    const rows = new Table({ head: [...COMPARISON_HEAD], style: { head: [], border: [] } })
    rows.push(...comparisonRows(comparisons(figures)).map((row) => [...row]))
    say(rows.toString())
    const { burst, steady } = figures.latency
    say(
      `P50 and P99 steady: ${ms(steady.p50)}, ${ms(steady.p99)}; requested at once: ${ms(burst.p50)}, ${ms(burst.p99)}`,
    )
    const report = reportOf({
      options,
      run,
      figures,
      machine: thisMachine(),
      date: new Date().toISOString().slice(0, 16).replace('T', ' '),
      kafkaVersion: cluster.brokers[0]?.version ?? '',
    })
    await writeFile(options.report, report)
    say(`report: ${options.report}`)
    if (!isLossy(figures.loss)) return 0
    say(`lost, repeated or wrong: ${JSON.stringify(figures.loss)}`)
    return 1
  } finally {
    bar.stop()
    await cluster.stop()
    await rm(directory, { recursive: true, force: true })
    guard.kill('SIGKILL')
  }
}

/** Seconds of the load, on a terminal. */
function progressBar(seconds: number) {
  const bar = new SingleBar({
    format: '{bar} {value} of {total} s | {sent} events in, {received} out, lag {lag} ms',
    stream: process.stderr,
    noTTYOutput: false,
    clearOnComplete: true,
    hideCursor: true,
  })
  return {
    update({ atMs, sent, received, lagMs }: LoadSample): void {
      if (!process.stderr.isTTY) return
      const values = { sent, received, lag: lagMs.toFixed(0) }
      if (!bar.isActive) bar.start(seconds, 0, values)
      bar.update(Math.max(0, Math.round(atMs / 1000)), values)
    },
    stop: () => bar.stop(),
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n${USAGE}\n`)
  process.exitCode = 2
}
