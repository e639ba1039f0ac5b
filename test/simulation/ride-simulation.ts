import { CORE_PROCESSORS, type ProcessorName } from '../../processors/processor-names.ts'
import { rideTopics } from '../../processors/ride-topics.ts'
import { buildRideTopology } from '../../processors/ride-topology.ts'
import type { ProcessingGuarantee } from '../../runtime/instance/streams-config.ts'
import { Random } from '../support/random.ts'
import { rideInput } from '../support/ride-input.ts'
import { furtherDifferences } from './further-differences.ts'
import { APPLICATION_ID, committedInputs, exactDifferences, expectation, lossDifferences } from './ride-differences.ts'
import { type Mutants, World } from './world.ts'

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
  const differences: string[] = []
  let crashes = 0
  let zombies = 0
  const crashesWanted = random.below(4)
  // Without transactions nothing keeps a zombie from writing.
  const zombiesWanted = isExact ? random.below(2) : 0
  await world.start()
  while (world.scheduler.steps < MAX_STEPS && differences.length === 0 && world.failure === null) {
    if (waiting.length > 0 && random.chance(0.1)) {
      for (const record of waiting.splice(0, 1 + random.below(6))) {
        if (random.chance(0.15)) world.produce({ ...record, partition: record.partitionHint }, true)
        world.produce({ ...record, partition: record.partitionHint }, false)
      }
    }
    if (world.isRunning && crashes < crashesWanted && random.chance(0.004)) {
      world.crash()
      crashes++
      differences.push(...(await check()))
      if (random.chance(0.2)) world.wipeDisk()
    } else if (!world.isRunning && random.chance(0.05)) await world.start()
    else if (world.isRunning && random.chance(0.001)) world.rebalance()
    else if (world.isRunning && zombies < zombiesWanted && random.chance(0.004)) {
      await world.replace(random.chance(0.5))
      zombies++
    }
    if (world.zombie === 'paused') {
      if (random.chance(0.01)) world.wakeZombie()
    } else if (world.zombie === 'running') {
      const fate = random.next()
      if (fate < 0.003) world.expelZombie()
      else if (fate < 0.006) world.buryZombie()
    }
    const hadItsLot = crashes >= crashesWanted && zombies >= zombiesWanted && world.zombie === null
    const isDone = waiting.length === 0 && hadItsLot && world.isRunning
    if (isDone && world.scheduler.steps % 50 === 0 && world.isDrained(world.sources)) break
    await world.scheduler.step()
  }
  if (world.failure !== null) differences.push(`the instance stopped: ${world.failure.stack}`)
  else if (world.scheduler.steps >= MAX_STEPS) differences.push('did not come to rest')
  if (differences.length === 0) {
    const difference = isExact ? exactDifferences : lossDifferences
    const expected = expectation(world)
    differences.push(...(await check()), ...difference(world, expected))
    if (processors.length > CORE_PROCESSORS.length)
      differences.push(...furtherDifferences(world, committedInputs(world), expected))
  }
  return { seed, differences, crashes, zombies, recoveries: world.recoveries, steps: world.scheduler.steps }
}
