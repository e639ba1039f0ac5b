/*
 * npm run bench:size [-- --trips N --pings N --drivers N --threads N --processors a,b --backend level|rocksdb --limit MiB]
 *
 * What an event costs while state grows: the program as `ride-streams start` runs it, from the first trip to the last. The input comes in
 * steps, so that trips and positions keep their proportion, and each row says what the last step before that size cost. So events/s counts
 * the loader beside the program. In the end the outputs are compared with the oracle of the tests. Needs /proc (Linux), and root for
 * --limit, which puts it into a control group.
 */
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { ALL_PROCESSORS } from '../processors/processor-names.ts'
import { AppProcess } from '../test/support/app-process.ts'
import { type BenchRun, benchRun, committedBeforeEnd } from './bench-run.ts'
import { type BenchCluster, startBenchCluster } from './cluster.ts'
import { directoryMiB } from './directory-size.ts'
import { EVENTS_PER_TRIP, type LoadOptions, type LoadRecord, load } from './load.ts'
import { makeMemoryCgroup } from './memory-cgroup.ts'
import { OutputsCheck } from './outputs-check.ts'
import { processUsage } from './process-usage.ts'

const MIB = 1024 * 1024
/** Trips of a step. */
const STEP = 50_000
/** Trips at which a row is taken. */
const SIZES = [100_000, 250_000, 500_000, 1_000_000, 1_500_000, 2_000_000, 3_000_000, 4_000_000, 5_000_000]
/** One key in so many has its outputs compared. */
const ONE_IN = 100
/** Records that the loader sends at once. */
const SENT_AT_ONCE = 5000

const { values } = parseArgs({
  options: {
    trips: { type: 'string', default: '5000000' },
    pings: { type: 'string', default: '2' },
    drivers: { type: 'string', default: '5000' },
    threads: { type: 'string', default: '1' },
    processors: { type: 'string', default: ALL_PROCESSORS.join() },
    backend: { type: 'string', default: 'level' },
    limit: { type: 'string' },
  },
})
const trips = Number(values.trips)
const input: LoadOptions = { pings: Number(values.pings), drivers: Number(values.drivers) }
const eventsPerStep = STEP * (EVENTS_PER_TRIP + Number(values.pings))
const steps = Math.ceil(trips / STEP)
const events = steps * eventsPerStep
const sizes = new Set([...SIZES, steps * STEP])

say(`${events} events of ${steps * STEP} trips and ${values.drivers} drivers`)
const cluster = await startBenchCluster(0)
try {
  await benchRun(cluster, 'bench-size', (run) => measure(cluster, run))
} finally {
  await cluster.stop()
}

async function measure(cluster: BenchCluster, run: BenchRun): Promise<void> {
  const check = new OutputsCheck(cluster.kafka, events, { load: input, oneIn: ONE_IN })
  await check.begin()
  const cgroup =
    values.limit === undefined ? null : await makeMemoryCgroup('ride-bench-size', Number(values.limit) * MIB)
  const app = await AppProcess.start(
    {
      KAFKA_BROKERS: run.bootstrap,
      APPLICATION_ID: run.applicationId,
      NUM_STREAM_THREADS: values.threads,
      STATE_DIR: run.stateDir,
      PROCESSORS: values.processors,
      STATE_BACKEND: values.backend,
    },
    cgroup === null ? {} : { cgroup: cgroup.directory },
  )
  try {
    say((await tableOfSteps(app, cluster, run)).toString())
    await app.end('SIGTERM')
    const wrong = await check.differences()
    say(wrong.length === 0 ? 'outputs right' : `${wrong.length} outputs are wrong\n${wrong.slice(0, 5).join('\n')}`)
    if (wrong.length > 0) process.exitCode = 1
  } finally {
    await app.end('SIGTERM')
    await cgroup?.remove()
  }
}

async function tableOfSteps(app: AppProcess, cluster: BenchCluster, run: BenchRun): Promise<Table.Table> {
  const table = new Table({
    head: ['trips', 'events/s', 'CPU us/event', 'broker us/event', 'RSS MiB', 'peak MiB', 'disk MiB'],
    style: { head: [], border: [] },
  })
  await app.ready()
  const records = load(events, input)
  let before = await lookAt(app, cluster)
  for (let step = 1; step <= steps; step++) {
    for (let sent = 0; sent < eventsPerStep; sent += SENT_AT_ONCE) await cluster.send(nextOf(records, SENT_AT_ONCE))
    const progress = await committedBeforeEnd(app, run, step * eventsPerStep)
    if (progress === null) throw new Error(`the application ended in step ${step}:\n${app.log.slice(-5).join('\n')}`)
    const after = await lookAt(app, cluster)
    if (sizes.has(step * STEP)) {
      const row = [
        step * STEP,
        Math.round(eventsPerStep / (after.seconds - before.seconds)),
        microseconds(after.cpuSeconds - before.cpuSeconds),
        microseconds(after.brokerSeconds - before.brokerSeconds),
        after.rssMiB,
        after.peakRssMiB,
        await directoryMiB(run.stateDir),
      ]
      say(row.join('  '))
      table.push(row)
    }
    before = after
  }
  return table
}

async function lookAt(app: AppProcess, { brokerPid }: BenchCluster) {
  const { cpuSeconds: brokerSeconds } = await processUsage(brokerPid)
  return { seconds: performance.now() / 1000, brokerSeconds, ...(await processUsage(app.pid)) }
}

/** Iterator helpers would close the generator. */
function nextOf(records: Iterator<LoadRecord>, count: number): LoadRecord[] {
  const taken: LoadRecord[] = []
  while (taken.length < count) {
    const { value, done } = records.next()
    if (done === true) break
    taken.push(value)
  }
  return taken
}

/** Per event of a step. */
function microseconds(seconds: number): string {
  return ((seconds / eventsPerStep) * 1e6).toFixed(1)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
