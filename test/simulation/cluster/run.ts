import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { CLUSTER_MUTANTS } from './cluster-mutants.ts'
import { simulateCluster } from './cluster-simulation.ts'

/*
 * npm run simulation -- --from A --count N [--workers W] [--mutant TEXT] [--trace]
 * Simulates groups of instances, seed by seed. A seed that fails is told with the command that replays it; exit code 1.
 */

interface Share {
  readonly from: number
  readonly count: number
  readonly every: number
  readonly mutant: string | null
}

interface Outcome {
  readonly seed: number
  readonly differences: readonly string[]
  readonly crashes: number
  readonly steps: number
}

const SHOWN = 3

if (isMainThread) process.exitCode = await main()
else await work(workerData as Share, (outcome) => parentPort?.postMessage(outcome))

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      from: { type: 'string', default: '1' },
      count: { type: 'string', default: '1000' },
      workers: { type: 'string', default: '2' },
      mutant: { type: 'string' },
      trace: { type: 'boolean', default: false },
    },
  })
  const from = numberOf('from', values.from)
  const count = numberOf('count', values.count)
  const every = Math.min(count, numberOf('workers', values.workers))
  const mutant = values.mutant ?? null
  if (mutant !== null && mutantsNamed(mutant) === undefined) {
    complain(`no mutant is named like ${mutant}; there are: ${CLUSTER_MUTANTS.map(([name]) => name).join(', ')}`)
    return 2
  }
  const started = performance.now()
  const total = { failed: 0, crashes: 0, steps: 0 }
  const take = ({ seed, differences, crashes, steps }: Outcome): void => {
    total.crashes += crashes
    total.steps += steps
    if (differences.length === 0) return
    total.failed++
    say(`seed ${seed} fails:`)
    for (const difference of differences.slice(0, SHOWN)) say(`  ${difference}`)
    const planted = mutant === null ? '' : ` --mutant '${mutant}'`
    say(`  replay: npm run simulation -- --from ${seed} --count 1 --trace${planted}`)
  }
  if (values.trace || every === 1) await work({ from, count, every: 1, mutant }, take, values.trace)
  else
    await Promise.all(
      Array.from({ length: every }, (_, i) => inWorker({ from: from + i, count, every, mutant }, from, take)),
    )
  const minutes = (performance.now() - started) / 60_000
  say(
    `${count} schedules, ${total.failed} failed; ${total.crashes} crashes, ${total.steps} steps; ${Math.round(count / minutes)} schedules a minute`,
  )
  return total.failed === 0 ? 0 : 1
}

function inWorker(share: Share, first: number, take: (outcome: Outcome) => void): Promise<void> {
  // Every so many-th seed, up to the same last one.
  const data: Share = { ...share, count: share.count - (share.from - first) }
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: data, argv: process.argv.slice(2) })
    worker.on('message', take)
    worker.on('error', reject)
    worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))))
  })
}

async function work(
  { from, count, every, mutant }: Share,
  take: (outcome: Outcome) => void,
  isTraced = false,
): Promise<void> {
  const mutants = mutant === null ? {} : mutantsNamed(mutant)
  for (let seed = from; seed < from + count; seed += every) {
    const { differences, crashes, steps } = await simulateCluster(seed, mutants, isTraced ? say : undefined)
    take({ seed, differences, crashes, steps })
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
