/*
 * npm run bench:memory [-- --events N --limits 512,1024,4096 --threads N --processors a,b]
 *
 * Memory against rate: the program as `ride-streams start` runs it, in a control group of each size (MiB), over the same input.
 * Needs root on Linux. A row says how fast it was, what it took at most, and how it ended: `exact` when it was never killed and
 * `ride-streams verify` finds every output and store equal to its own fold of the input.
 */
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { ALL_PROCESSORS } from '../processors/processor-names.ts'
import { AppProcess } from '../test/support/app-process.ts'
import { runCli } from '../test/support/run-cli.ts'
import { type BenchRun, benchRun, committedBeforeEnd } from './bench-run.ts'
import { startBenchCluster } from './cluster.ts'
import { makeMemoryCgroup } from './memory-cgroup.ts'
import { processUsage } from './process-usage.ts'

const MIB = 1024 * 1024

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    limits: { type: 'string', default: '512,768,1024,4096' },
    threads: { type: 'string', default: '1' },
    processors: { type: 'string', default: ALL_PROCESSORS.join() },
  },
})
const events = Number(values.events)

const table = new Table({
  head: ['limit MiB', 'events/s', 'CPU s', 'peak RSS MiB', 'end'],
  style: { head: [], border: [] },
})
for (const limit of values.limits.split(',').map(Number)) {
  // One broker each: verify compares all that stands in the output topics.
  const cluster = await startBenchCluster(events)
  try {
    const row = await benchRun(cluster, `bench-memory-${limit}`, (run) => measure(limit, run))
    process.stderr.write(`${row.join('  ')}\n`)
    table.push(row)
  } finally {
    await cluster.stop()
  }
}
process.stdout.write(`${events} events, ${values.threads} thread(s), ${values.processors}\n${table.toString()}\n`)

async function measure(limitMiB: number, run: BenchRun): Promise<(string | number)[]> {
  const { bootstrap, applicationId, stateDir } = run
  const cgroup = await makeMemoryCgroup(`ride-bench-${process.pid}-${limitMiB}`, limitMiB * MIB)
  const env = {
    KAFKA_BROKERS: bootstrap,
    APPLICATION_ID: applicationId,
    NUM_STREAM_THREADS: values.threads,
    STATE_DIR: stateDir,
    PROCESSORS: values.processors,
  }
  const app = await AppProcess.start(env, { cgroup: cgroup.directory })
  try {
    const progress = await committedBeforeEnd(app, run, events)
    if (progress === null) return [limitMiB, '-', '-', '-', (await cgroup.wasKilled()) ? 'killed' : 'stopped']
    const usage = await processUsage(app.pid)
    await app.end('SIGTERM')
    const end = (await isExact(env)) ? 'exact' : 'WRONG'
    return [limitMiB, Math.round(progress.perSecond), usage.cpuSeconds.toFixed(1), usage.peakRssMiB, end]
  } finally {
    await app.end('SIGTERM')
    await cgroup.remove()
  }
}

/** True when verify finds no difference outside of the control group. */
async function isExact(env: Readonly<Record<string, string>>): Promise<boolean> {
  const { code, stdout, stderr } = await runCli(['verify'], env)
  if (code !== 0) process.stderr.write(stdout + stderr)
  return code === 0
}
