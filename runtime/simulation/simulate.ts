import { counted } from '../../state/ports/counted.ts'
import { StreamsConfigError } from '../../state/ports/errors.ts'
import type { Headers } from '../../state/ports/headers.ts'
import { bufferOf, writtenHeaders } from '../../state/ports/serde.ts'
import type { Plan, SourceNode } from '../../topology/plan.ts'
import type { Topology } from '../../topology/topology.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import { DriverOracle } from './driver-oracle.ts'
import { callerOf, replayCommand, SEED_VARIABLE } from './replay-command.ts'
import type { WorldInput } from './simulated-log.ts'
import type { SimulatedOutputs, SimulatedStores } from './simulated-results.ts'
import { NO_FAULTS, type SimulatedRun, type SimulationFaults, simulatedRun } from './simulated-run.ts'
import { SimulationError } from './simulation-error.ts'

/** An input record. Key and value go through the serdes of the topology's source; undefined is null. */
export interface SimulatedInput {
  readonly topic: string
  readonly key?: unknown
  readonly value?: unknown
  /** Epoch ms; default: a millisecond after the record before. */
  readonly timestamp?: number
  readonly headers?: Headers
  /** Default: by key, as Kafka's producers choose it; without a key: in turn. */
  readonly partition?: number
}

export interface SimulateOptions {
  /** The records, in the order in which they are sent; a function makes others for each seed. */
  readonly input: readonly SimulatedInput[] | ((seed: number) => readonly SimulatedInput[])
  /** How many seeds (1, 2, ...), or which; default 100. The environment variable SIMULATE_SEED goes first: one seed. */
  readonly seeds?: number | readonly number[]
  readonly faults?: SimulationFaults
  /**
   * Judges a run at its end. It throws, or returns in words what is wrong. Default: the outputs and the stores (docs/simulation.md says which) must be those of
   * TopologyTestDriver for the same input.
   */
  readonly check?: (
    outputs: SimulatedOutputs,
    stores: SimulatedStores,
  ) => undefined | readonly string[] | Promise<undefined | readonly string[]> | Promise<void> | void
  /** For the default check: output topics that are tables, so only the last record of each key counts. Those of caching stores are. */
  readonly tables?: readonly string[]
  /** Partitions of each topic; default 2. */
  readonly partitions?: number
  /** Topics to create beyond those that the topology names. */
  readonly topics?: readonly string[]
  readonly config?: Partial<Omit<StreamsConfig, 'applicationId' | 'deadLetterTopic'>>
  /** A run that takes more steps does not come to rest; default 100,000. */
  readonly maxSteps?: number
}

/** Counts over all seeds, so that a test can require that something happened. */
export interface SimulationReport {
  readonly seeds: number
  readonly crashes: number
  readonly zombies: number
  readonly rebalances: number
  /** Requests, replies and timers. */
  readonly steps: number
}

const APPLICATION_ID = 'simulated'
const FIRST_TIMESTAMP = 1_700_000_000_000
const SHOWN = 10

/**
 * Runs the topology with the real tasks, groups and transactions on an in-memory cluster, once for each seed. The seed draws crashes
 * between any two steps, zombies, lost messages, rebalances and aborted transactions, so the same seed gives the same run. Give a function
 * that makes the topology when its module keeps state: each process then gets a topology of its own.
 * @throws SimulationError at the first seed whose results are wrong, with the story of its run and the command that replays it
 * @throws StreamsConfigError for options that contradict each other or the topology
 */
export async function simulate(
  topology: Topology | (() => Topology),
  options: SimulateOptions,
): Promise<SimulationReport> {
  const file = callerOf(simulate)
  const newPlan = planner(topology, options)
  const seeds = seedsOf(options.seeds)
  const total = { seeds: 0, crashes: 0, zombies: 0, rebalances: 0, steps: 0 }
  let oracle: DriverOracle | null = null
  for (const seed of seeds) {
    const input = inputOf(newPlan(), options, seed)
    // Before the run: a topology that keeps state outside of stores must not have any yet.
    if (options.check === undefined && (oracle === null || typeof options.input === 'function'))
      oracle = await DriverOracle.of(newPlan(), input, { config: configOf(options), tables: options.tables ?? [] })
    const judge = oracle
    const tried = async (faults: SimulationFaults | undefined) => {
      const run = await runOf(newPlan, input, options, seed, faults)
      return { run, differences: await differencesOf(run, options, judge) }
    }
    const { run, differences } = await tried(options.faults)
    total.seeds++
    total.crashes += run.crashes
    total.zombies += run.zombies
    total.rebalances += run.rebalances
    total.steps += run.steps
    if (differences.length === 0) continue
    const again = await tried(options.faults)
    const repeats = again.run.story.join() === run.story.join() && again.differences.join() === differences.join()
    const calm = await tried(NO_FAULTS)
    const replay = replayCommand(seed, file)
    const message = told({ seed, run, differences, replay, repeats, failsCalm: calm.differences.length > 0 })
    throw new SimulationError(message, { seed, differences, story: run.story, replay })
  }
  return total
}

function planner(topology: Topology | (() => Topology), { input, topics = [] }: SimulateOptions): () => Plan {
  const records = typeof input === 'function' ? [] : input
  const known = [...new Set([...records.map(({ topic }) => topic), ...topics])]
  return () => {
    const built = typeof topology === 'function' ? topology() : topology
    const plan = built.build({ applicationId: APPLICATION_ID })
    return plan.withTopics?.(known) ?? plan
  }
}

function seedsOf(seeds: SimulateOptions['seeds'] = 100): readonly number[] {
  const given = process.env[SEED_VARIABLE]
  if (given !== undefined && given !== '') {
    const seed = Number(given)
    if (!Number.isSafeInteger(seed))
      throw new StreamsConfigError(`${SEED_VARIABLE} must be a whole number, not ${given}`)
    return [seed]
  }
  const list = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => i + 1) : seeds
  if (list.length === 0 || !list.every(Number.isSafeInteger))
    throw new StreamsConfigError('seeds must be a number above 0, or a list of whole numbers')
  return list
}

/** The records as bytes, each with its partition and its time. */
function inputOf(plan: Plan, { input, partitions = 2 }: SimulateOptions, seed: number): readonly WorldInput[] {
  const records = typeof input === 'function' ? input(seed) : input
  const sources = new Map<string, SourceNode>()
  const nodes = [...plan.subtopologies.flatMap((one) => one.nodes), ...plan.globalStores.map(({ source }) => source)]
  for (const node of nodes) if (node.type === 'source') for (const topic of node.topics) sources.set(topic, node)
  let last = FIRST_TIMESTAMP - 1
  return records.map(({ topic, key, value, timestamp = last + 1, headers = [], partition }, index) => {
    last = timestamp
    const source = sources.get(topic)
    if (source === undefined)
      throw new StreamsConfigError(
        `the topology does not read topic ${topic} of the input; it reads ${[...sources.keys()].join(', ')}`,
      )
    const { keySerde, valueSerde } = source
    const written = writtenHeaders(source, topic, { key: key ?? null, value: value ?? null, headers })
    const bytes = (one: unknown, serde: SourceNode['keySerde']): Buffer | null =>
      one === null || one === undefined ? null : bufferOf(serde.serialize(topic, one, written))
    const keyBytes = bytes(key, keySerde)
    return {
      ...{ topic, key: keyBytes, value: bytes(value, valueSerde), timestamp, headers: written },
      partition: partition ?? (keyBytes === null ? index % partitions : null),
    }
  })
}

function configOf({ config, check }: SimulateOptions): Partial<StreamsConfig> {
  if (config?.processingGuarantee === 'at_least_once' && check === undefined)
    throw new StreamsConfigError('under at_least_once results may come twice: give simulate() a check')
  return { deserializationExceptionHandler: 'dead-letter', ...config }
}

async function runOf(
  newPlan: () => Plan,
  input: readonly WorldInput[],
  options: SimulateOptions,
  seed: number,
  faults: SimulationFaults = {},
): Promise<SimulatedRun> {
  const { partitions = 2, topics = [], maxSteps = 100_000 } = options
  const config = configOf(options)
  const { zombies = 1 } = faults
  return await simulatedRun({
    ...{ seed, newPlan, input, topics, partitions, maxSteps, config },
    faults: {
      ...{ crashes: 3, lostDisks: 0.2, rebalances: 0.001, lostMessages: 0.01, abortedTransactions: 0.15 },
      ...faults,
      // Without transactions nothing keeps a zombie from writing.
      zombies: config.processingGuarantee === 'at_least_once' ? 0 : zombies,
    },
  })
}

async function differencesOf(
  run: SimulatedRun,
  { check }: SimulateOptions,
  oracle: DriverOracle | null,
): Promise<readonly string[]> {
  const { failures, outputs, outputTopics, stores } = run
  if (failures.length > 0) return failures
  if (check === undefined) return oracle?.differences(outputTopics, outputs, stores) ?? []
  try {
    return (await check(outputs, stores)) ?? []
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

interface Told {
  readonly seed: number
  readonly run: SimulatedRun
  readonly differences: readonly string[]
  readonly replay: string
  /** A second run of the seed was the same. */
  readonly repeats: boolean
  /** The same input fails without any fault, too. */
  readonly failsCalm: boolean
}

function told({ seed, run, differences, replay, repeats, failsCalm }: Told): string {
  const { crashes, zombies, rebalances, story } = run
  const more = differences.length - SHOWN
  const lines = [
    `seed ${seed}: ${counted(differences.length, 'difference')}`,
    ...differences.slice(0, SHOWN).map((difference) => `  ${difference}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
    failsCalm
      ? 'The same input fails without faults, too: the result depends on the order in which partitions are read, or the check expects something else. Name outputs that are tables in `tables`, set `partitions: 1`, or give a `check`.'
      : 'Without faults the same input gives the right result.',
    ...(repeats
      ? []
      : ['A second run of this seed went another way: the topology reads the clock, random numbers or the network.']),
    `What happened (${crashes} ${crashes === 1 ? 'crash' : 'crashes'}, ${counted(zombies, 'zombie')}, ${counted(rebalances, 'rebalance')}):`,
    ...story.map((line) => `  ${line}`),
    `To run this seed alone: ${replay}`,
  ]
  return lines.join('\n')
}
