import { join } from 'node:path'
import type { LocalCluster } from '../../infra/local-kafka/jar-cluster.ts'
import { AppProcess } from '../support/app-process.ts'
import { atEndOfTestProcess } from '../support/at-end-of-test.ts'
import { keepRideTopics } from '../support/keep-ride-topics.ts'
import { runCli } from '../support/run-cli.ts'
import type { RunRecord } from './figures.ts'
import { type LoadTestOptions, requestsPerSecond } from './load-options.ts'
import { type LoadSample, runLoad } from './load-thread.ts'
import { loadNow } from './machine.ts'
import { type ProcessSample, ProcessWatch } from './process-watch.ts'
import { type Restart, rollingRestart } from './rolling-restart.ts'

export interface LoadRunSetup {
  readonly cluster: LocalCluster
  /** For the states of the instances. */
  readonly directory: string
  readonly options: LoadTestOptions
  readonly machineLoadBefore: number
  readonly onSample: (sample: LoadSample) => void
}

const APPLICATION_ID = 'load-test'
const INSTANCES = 2
const LOOK_MS = 1000
/** The share of the run for which one instance is away. */
const PAUSE_SHARE = 1 / 24

/** One run on these brokers, from their first topic to the verdict of `verify`. */
export async function loadRun(setup: LoadRunSetup): Promise<RunRecord> {
  const run = new LoadRun(setup)
  try {
    return await run.run()
  } finally {
    await run.end()
  }
}

/*
 * Owns the instances of the application, and the clock of the run.
 * 1. The clock shows ms since time 0, when the trips are requested at once; the load's thread says when that is.
 * 2. No instance outlives the run, nor this process.
 */
class LoadRun {
  readonly #setup: LoadRunSetup
  readonly #env: Readonly<Record<string, string>>
  readonly #instances: AppProcess[] = []
  #zero = 0

  constructor(setup: LoadRunSetup) {
    this.#setup = setup
    this.#env = { KAFKA_BROKERS: setup.cluster.bootstrap, APPLICATION_ID, OUTPUT_RETENTION_MS: '-1' }
  }

  async run(): Promise<RunRecord> {
    const { cluster, options, machineLoadBefore, onSample } = this.#setup
    await keepRideTopics(cluster.bootstrap, APPLICATION_ID)
    await Promise.all(Array.from({ length: INSTANCES }, (_, index) => this.#start(index)))
    await Promise.all(this.#instances.map((instance) => instance.ready()))

    const samples: LoadSample[] = []
    const zero = Promise.withResolvers<number>()
    const sent = new AbortController()
    let machineLoadAfter = 0
    const { seconds, trips, drivers, seed, warmUp } = options
    const load = runLoad(
      {
        bootstrap: cluster.bootstrap,
        applicationId: APPLICATION_ID,
        seed,
        seconds,
        warmUpSeconds: warmUp,
        drivers,
        trips,
        requestsPerSecond: requestsPerSecond(options),
      },
      (message) => {
        if (message.kind === 'zero') zero.resolve(message.at)
        if (message.kind === 'sample') {
          samples.push(message.sample)
          onSample(message.sample)
        }
        if (message.kind === 'sent') {
          machineLoadAfter = loadNow()
          sent.abort()
        }
      },
    )
    this.#zero = await Promise.race([zero.promise, load.then(() => 0)])
    const [result, processes, restart] = await Promise.all([load, this.#watch(sent.signal), this.#restart(seconds)])
    const differences = await this.#verify()
    const machineLoad = { before: machineLoadBefore, after: machineLoadAfter }
    return { seconds, samples, processes, result, restart, differences, machineLoad }
  }

  async end(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.end('SIGKILL')))
  }

  /** Ms since time 0. */
  readonly #now = (): number => performance.timeOrigin + performance.now() - this.#zero

  async #start(index: number): Promise<AppProcess> {
    const stateDir = join(this.#setup.directory, `state-${index}`)
    const instance = await AppProcess.start({ ...this.#env, STATE_DIR: stateDir })
    this.#instances[index] = instance
    const guard = atEndOfTestProcess('kill -9 "$0"', [String(instance.pid)])
    void instance.ended.then(() => guard.kill('SIGKILL'))
    return instance
  }

  async #watch(sent: AbortSignal): Promise<readonly ProcessSample[]> {
    const { brokers } = this.#setup.cluster
    const watch = new ProcessWatch([
      ...brokers.map((broker, i) => ({ name: `broker ${i + 1}`, kind: 'broker' as const, pid: () => broker.pid })),
      ...this.#instances.map((_, i) => ({
        name: `instance ${i + 1}`,
        kind: 'instance' as const,
        pid: () => (this.#instances[i]?.isRunning === true ? this.#instances[i].pid : null),
      })),
      { name: 'load', kind: 'load', pid: () => process.pid },
    ])
    const samples: ProcessSample[] = []
    while (!sent.aborted) {
      samples.push(...(await watch.look(this.#now())))
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
    return samples
  }

  /** At half time. */
  async #restart(seconds: number): Promise<Restart> {
    const half = (seconds * 1000) / 2
    await new Promise((resolve) => setTimeout(resolve, half - this.#now()))
    return rollingRestart({
      instance: this.#instances[INSTANCES - 1] as AppProcess,
      start: () => this.#start(INSTANCES - 1),
      pauseMs: seconds * 1000 * PAUSE_SHARE,
      now: this.#now,
    })
  }

  async #verify(): Promise<number> {
    const { stdout, stderr } = await runCli(['verify', '--json'], this.#env)
    if (stdout === '') throw new Error(`verify: ${stderr}`)
    return (JSON.parse(stdout) as { total: number }).total
  }
}
