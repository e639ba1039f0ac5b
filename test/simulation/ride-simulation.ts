import { CORE_PROCESSORS, type ProcessorName } from '../../processors/processor-names.ts'
import { rideTopics } from '../../processors/ride-topics.ts'
import { buildRideTopology } from '../../processors/ride-topology.ts'
import type { ProcessingGuarantee } from '../../runtime/instance/streams-config.ts'
import { roughRun } from '../../runtime/simulation/rough-run.ts'
import { type Mutants, World } from '../../runtime/simulation/world.ts'
import { Random } from '../support/random.ts'
import { rideInput } from '../support/ride-input.ts'
import { furtherDifferences } from './further-differences.ts'
import { APPLICATION_ID, committedInputs, exactDifferences, expectation, lossDifferences } from './ride-differences.ts'

const INPUT_PARTITIONS = 2
const MAX_STEPS = 60_000

/** Counts of a run, so that a test can require that something happened. */
export interface SimulationReport {
  readonly seed: number
  /** In words; [] = all invariants held. */
  readonly differences: readonly string[]
  readonly crashes: number
  readonly zombies: number
  readonly recoveries: number
  readonly steps: number
}

export interface SimulationOptions {
  readonly mutants?: Mutants
  readonly guarantee?: ProcessingGuarantee
  /** Default: the core ones. With more of them, all must run. */
  readonly processors?: readonly ProcessorName[]
}

/**
 * The ride application on the in-memory cluster under crashes at any step, lost requests and replies, aborted foreign
 * transactions, zombies and rebalances, all drawn by seed. Checks at every crash and at the end: each store on disk equals
 * the fold of its committed changelog; at the end every output equals the oracle. Under at_least_once: the result of every
 * input is there, if perhaps more than once, not always in order, and the revenue too high.
 */
export async function simulate(
  seed: number,
  { mutants = {}, guarantee = 'exactly_once_v2', processors = CORE_PROCESSORS }: SimulationOptions = {},
): Promise<SimulationReport> {
  const random = new Random(seed)
  const plan = buildRideTopology({ h3Resolution: 9, processors }).build({ applicationId: APPLICATION_ID })
  const topics = rideTopics({ applicationId: APPLICATION_ID, outputRetentionMs: -1 }).map(({ name }) => ({
    name,
    partitions: INPUT_PARTITIONS,
  }))
  const world = new World({
    random,
    plan,
    topics,
    mutants,
    faults: { loseRequest: 0.01, loseReply: 0.01 },
    config: { processingGuarantee: guarantee },
  })
  const isExact = guarantee === 'exactly_once_v2'
  const check = async (): Promise<string[]> => (isExact ? await world.storeDifferences() : [])
  const waiting = rideInput({ seed, count: 80, drivers: 4, invalid: 0.05 })
  const feed = (): boolean => {
    if (waiting.length > 0 && random.chance(0.1)) {
      for (const record of waiting.splice(0, 1 + random.below(6))) {
        if (random.chance(0.15)) world.produce({ ...record, partition: record.partitionHint }, true)
        world.produce({ ...record, partition: record.partitionHint }, false)
      }
    }
    return waiting.length === 0
  }
  const run = await roughRun({
    ...{ world, random, feed, check },
    crashes: random.below(4),
    // Without transactions nothing keeps a zombie from writing.
    zombies: isExact ? random.below(2) : 0,
    rebalances: 0.001,
    lostDisks: 0.2,
    maxSteps: MAX_STEPS,
  })
  const differences = [...run.differences]
  const { crashes, zombies } = run
  if (differences.length === 0) {
    const difference = isExact ? exactDifferences : lossDifferences
    const expected = expectation(world)
    differences.push(...difference(world, expected))
    if (processors.length > CORE_PROCESSORS.length)
      differences.push(...furtherDifferences(world, committedInputs(world), expected))
  }
  return { seed, differences, crashes, zombies, recoveries: world.recoveries, steps: world.scheduler.steps }
}
