import { createStore } from '../../state/create-store.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import type { StoreContext } from '../../state/ports/managed-store.ts'
import type { Plan } from '../../topology/plan.ts'
import { externalTopics } from '../instance/cluster-plan.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import { rowsOf } from './driver-oracle.ts'
import { Random } from './random.ts'
import { roughRun } from './rough-run.ts'
import type { WorldInput } from './simulated-log.ts'
import { type RawOutput, SimulatedOutputs, SimulatedStores } from './simulated-results.ts'
import { World } from './world.ts'

/** Faults of a simulated run, and how often they happen. 0 turns a fault off. */
export interface SimulationFaults {
  /** Most crashes (kill -9 between any two steps) of one run; default 3. */
  readonly crashes?: number
  /** Chance that a crash takes the disk as well; default 0.2. */
  readonly lostDisks?: number
  /** Most zombies of one run: instances that stand still, are replaced, and go on later; default 1. */
  readonly zombies?: number
  /** Chance of a rebalance at each step; default 0.001. */
  readonly rebalances?: number
  /** Chance of each request to the brokers to get lost, and the same of each reply; default 0.01. */
  readonly lostMessages?: number
  /** Chance of each input record to be written once more before, in a transaction that is aborted; default 0.15. */
  readonly abortedTransactions?: number
}

export const NO_FAULTS: Required<SimulationFaults> = {
  crashes: 0,
  lostDisks: 0,
  zombies: 0,
  rebalances: 0,
  lostMessages: 0,
  abortedTransactions: 0,
}

export interface SimulatedRunOptions {
  readonly seed: number
  /** A new plan for each process, as a process loads its modules anew. */
  readonly newPlan: () => Plan
  readonly input: readonly WorldInput[]
  readonly topics: readonly string[]
  readonly partitions: number
  readonly faults: Required<SimulationFaults>
  readonly config: Partial<StreamsConfig>
  readonly maxSteps: number
}

export interface SimulatedRun {
  /** Why the run did not come to rest, in words; [] = it did. */
  readonly failures: readonly string[]
  readonly outputs: SimulatedOutputs
  /** Topics of the cluster that are no internal ones. */
  readonly outputTopics: readonly string[]
  readonly stores: SimulatedStores
  readonly story: readonly string[]
  readonly crashes: number
  readonly zombies: number
  readonly rebalances: number
  readonly steps: number
}

const FEED_CHANCE = 0.02
const MOST_AT_ONCE = 3
/** Simulated time without faults at the end, in which the last commit reaches the disk. */
const REST_MS = 1000

/** The topology in one simulated world, from the first record until all is processed, committed and on disk. */
export async function simulatedRun(options: SimulatedRunOptions): Promise<SimulatedRun> {
  const { seed, newPlan, partitions, faults, config } = options
  const random = new Random(seed)
  const story: string[] = []
  const plan = newPlan()
  const isInternal = internalTopicsOf(plan)
  const names = new Set([...externalTopics(plan), ...options.topics, `${plan.applicationId}.dlq`])
  const topics = [...names].filter((name) => !isInternal.has(name)).sort()
  const world: World = new World({
    random,
    plan,
    planOf: newPlan,
    topics: topics.map((name) => ({ name, partitions })),
    faults: { loseRequest: faults.lostMessages, loseReply: faults.lostMessages },
    mutants: {},
    config,
    onNote: (what) => {
      const { steps, now } = world.scheduler
      story.push(`step ${steps}, ${((now - began) / 1000).toFixed(3)} s: ${what}`)
    },
  })
  const began = world.scheduler.now
  const produce = (record: WorldInput): void => {
    if (random.chance(faults.abortedTransactions)) world.produce(record, true)
    world.produce(record, false)
  }
  const isGlobal = new Set(plan.globalStores.map(({ topic }) => topic))
  for (const record of options.input) if (isGlobal.has(record.topic)) produce(record)
  const waiting = options.input.filter(({ topic }) => !isGlobal.has(topic))
  const run = await roughRun({
    ...{ world, random, maxSteps: options.maxSteps },
    crashes: random.below(faults.crashes + 1),
    zombies: random.below(faults.zombies + 1),
    rebalances: faults.rebalances,
    lostDisks: faults.lostDisks,
    feed: () => {
      if (waiting.length > 0 && random.chance(FEED_CHANCE))
        for (const record of waiting.splice(0, 1 + random.below(MOST_AT_ONCE))) produce(record)
      return waiting.length === 0
    },
    check: async () => [],
  })
  const failures = [...run.differences]
  if (failures.length === 0) failures.push(...(await rest(world, options.maxSteps)))
  const { crashes, zombies } = run
  const { rebalances, scheduler } = world
  // A decided transaction counts, whether its markers are written or not.
  scheduler.finishBackground()
  const inputs = new Set(options.input.map(({ topic }) => topic))
  return {
    ...{ failures, story, crashes, zombies, rebalances, steps: scheduler.steps },
    outputs: new SimulatedOutputs(plan, (topic) => rawOutputs(world, topic)),
    outputTopics: topics.filter((topic) => !inputs.has(topic)),
    stores: await storesOf(world, plan),
  }
}

async function rest(world: World, maxSteps: number): Promise<string[]> {
  const { scheduler } = world
  scheduler.calmDown()
  const most = scheduler.steps + maxSteps
  for (let until = scheduler.now + REST_MS; scheduler.now < until || !world.isDrained(world.sources); ) {
    if (world.failure !== null) return [`the instance stopped: ${world.failure.stack}`]
    if (scheduler.steps > most || !(await scheduler.step())) return ['did not come to rest']
  }
  return []
}

function rawOutputs(world: World, topic: string): readonly RawOutput[] {
  return world
    .committed(topic)
    .map(({ key, value, timestamp, headers, partition }) => ({ key, value, timestamp, headers, partition }))
}

async function storesOf(world: World, plan: Plan): Promise<SimulatedStores> {
  const context: StoreContext = { streamTime: () => -1, recordTimestamp: () => 0, recordHeaders: () => NO_HEADERS }
  const rows = new Map<string, (readonly [unknown, unknown])[]>()
  for (const { id, stores, sourceTopics } of plan.subtopologies) {
    const tasks = Math.max(0, ...sourceTopics.map((topic) => world.cluster.partitions(topic) ?? 0))
    for (const { spec } of stores) {
      if (spec.kind === 'versioned') continue
      const all: (readonly [unknown, unknown])[] = []
      for (let partition = 0; partition < tasks; partition++) {
        const backend = await world.disk.open(`${id}_${partition}`, spec.name, { keyIndex: true })
        all.push(...rowsOf(createStore(spec, backend, context).api))
      }
      rows.set(spec.name, all)
    }
  }
  return new SimulatedStores(rows)
}

function internalTopicsOf({ internalTopics }: Plan): ReadonlySet<string> {
  return new Set(internalTopics.map(({ name }) => name))
}
