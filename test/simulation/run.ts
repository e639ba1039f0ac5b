import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { progressBar } from '../../cli/progress.ts'
import { simulateCalls } from './call-simulation.ts'
import { CLUSTER_MUTANTS } from './cluster/cluster-mutants.ts'
import { simulateCluster, THREAD_CHANGES } from './cluster/cluster-simulation.ts'
import { simulate } from './ride-simulation.ts'

/*
 * npm run simulation -- --from A --count N [--of group|threads|instance|calls] [--workers W] [--keep-going] [--mutant TEXT] [--trace]
 * Simulates groups of instances (threads: which also add and remove threads; or one instance, or a topology that makes calls) seed by seed, on all cores. The first seed that fails ends the run, unless it is
 * to keep going; each is told with the command that replays it; exit code 1. Ctrl-C ends it with the totals so far.
 */

interface Share {
  readonly from: number
  /** No seed from here on. */
  readonly end: number
  readonly every: number
  readonly of: Kind
  readonly mutant: string | null
}

interface Outcome {
  readonly seed: number
  readonly differences: readonly string[]
  readonly crashes: number
  readonly steps: number
}

type Kind = 'group' | 'threads' | 'instance' | 'calls'

const SHOWN = 3

if (isMainThread) process.exitCode = await main()
else {
  // Collecting stacks costs a tenth; the replay with --trace shows where an error comes from.
  Error.stackTraceLimit = 0
  for await (const outcome of outcomes(workerData as Share)) parentPort?.postMessage(outcome)
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      from: { type: 'string', default: '1' },
      count: { type: 'string', default: '1000' },
      of: { type: 'string', default: 'group' },
      workers: { type: 'string', default: String(availableParallelism()) },
      'keep-going': { type: 'boolean', default: false },
      mutant: { type: 'string' },
      trace: { type: 'boolean', default: false },
    },
  })
  const from = numberOf('from', values.from)
  const count = numberOf('count', values.count)
  const every = values.trace ? 1 : Math.min(count, numberOf('workers', values.workers))
  const mutant = values.mutant ?? null
  const { of } = values
  if (of !== 'group' && of !== 'threads' && of !== 'instance' && of !== 'calls') {
    complain(`--of must be group, threads, instance or calls, not ${of}`)
    return 2
  }
  if (mutant !== null && ((of !== 'group' && of !== 'threads') || mutantsNamed(mutant) === undefined)) {
    complain(
      `no mutant of a group is named like ${mutant}; there are: ${CLUSTER_MUTANTS.map(([name]) => name).join(', ')}`,
    )
    return 2
  }
  const total = { done: 0, failed: 0, crashes: 0, steps: 0 }
  const bar = progressBar('schedules')
  const started = performance.now()
  /** True to continue. */
  const take = ({ seed, differences, crashes, steps }: Outcome): boolean => {
    total.done++
    total.crashes += crashes
    total.steps += steps
    if (differences.length > 0) {
      total.failed++
      bar.stop()
      say(`seed ${seed} fails:`)
      for (const difference of differences.slice(0, SHOWN)) say(`  ${difference}`)
      const options = `${of === 'group' ? '' : ` --of ${of}`}${mutant === null ? '' : ` --mutant '${mutant}'`}`
      say(`  replay: npm run simulation -- --from ${seed} --count 1 --trace${options}`)
      if (!values['keep-going']) return false
    }
    bar.update(total.done, count)
    return true
  }
  const share: Share = { from, end: from + count, every, of, mutant }
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())
  if (every > 1) await inWorkers(share, take, stop)
  else {
    for await (const outcome of outcomes(share, values.trace ? say : undefined))
      if (!take(outcome) || stop.signal.aborted) break
  }
  bar.stop()
  const minutes = (performance.now() - started) / 60_000
  const { user, system } = process.cpuUsage()
  const cpuSeconds = (user + system) / 1_000_000
  say(`${total.done} schedules, ${total.failed} failed; ${total.crashes} crashes, ${total.steps} steps`)
  say(
    `${Math.round(total.done / minutes)} schedules a minute on ${every} cores, ${Math.round((total.done / cpuSeconds) * 60)} a minute of CPU time (${((cpuSeconds / total.done) * 1000).toFixed(1)} CPU seconds for 1000)`,
  )
  return total.failed === 0 ? 0 : 1
}

/** Every so many-th seed to each. */
async function inWorkers(share: Share, take: (outcome: Outcome) => boolean, stop: AbortController): Promise<void> {
  const workers = Array.from(
    { length: share.every },
    (_, i) => new Worker(new URL(import.meta.url), { workerData: { ...share, from: share.from + i } }),
  )
  const { signal } = stop
  signal.addEventListener('abort', () => {
    for (const worker of workers) void worker.terminate()
  })
  const end = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      worker.on('message', (outcome: Outcome) => {
        if (!signal.aborted && !take(outcome)) stop.abort()
      })
      worker.on('error', reject)
      worker.on('exit', (code) => {
        if (code === 0 || signal.aborted) resolve()
        else reject(new Error(`a worker ended with ${code}`))
      })
    })
  await Promise.all(workers.map(end))
}

async function* outcomes(
  { from, end, every, of, mutant }: Share,
  onEvent?: (line: string) => void,
): AsyncGenerator<Outcome> {
  const mutants = mutant === null ? {} : mutantsNamed(mutant)
  for (let seed = from; seed < end; seed += every) {
    const { differences, crashes, steps } = await simulated(of, seed, mutants, onEvent)
    yield { seed, differences, crashes, steps }
  }
}

function simulated(
  of: Kind,
  seed: number,
  mutants: Parameters<typeof simulateCluster>[1],
  onEvent?: (line: string) => void,
): Promise<Omit<Outcome, 'seed'>> {
  switch (of) {
    case 'group':
      return simulateCluster(seed, mutants, onEvent)
    case 'threads':
      return simulateCluster(seed, mutants, onEvent, THREAD_CHANGES)
    case 'instance':
      return simulate(seed)
    case 'calls':
      return simulateCalls(seed)
  }
}

function mutantsNamed(text: string): (typeof CLUSTER_MUTANTS)[number][1] | undefined {
  return CLUSTER_MUTANTS.find(([name]) => name.includes(text))?.[1]
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`)
}

function numberOf(name: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  complain(`--${name} must be a whole number above 0, not ${text}`)
  process.exit(2)
}
