import { FencedError } from '../../state/ports/errors.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

export interface RoughRunOptions {
  readonly world: World
  readonly random: Random
  /** How many crashes and zombies the run has. */
  readonly crashes: number
  readonly zombies: number
  /** Chance of a rebalance, at each step. */
  readonly rebalances: number
  /** Chance that a crash takes the disk as well. */
  readonly lostDisks: number
  /** A run that has taken so many steps does not come to rest. */
  readonly maxSteps: number
  /** Called before each step; sends input. True once all is sent. */
  readonly feed: () => boolean
  /** Called after each crash and at the end, when the run should be at rest. Says in words what is wrong, [] = nothing. */
  readonly check: () => Promise<readonly string[]>
  /** Says whether a drained run is at rest; default: it is. */
  readonly isAtRest?: () => boolean
}

export interface RoughRun {
  /** In words; [] = the run came to rest and every check passed. */
  readonly differences: readonly string[]
  readonly crashes: number
  readonly zombies: number
}

const CRASH_CHANCE = 0.004
const START_CHANCE = 0.05
/** How often a run looks whether it is at rest, in steps. */
const LOOK_EVERY = 50

/**
 * Starts the world's instance and takes it through crashes at any step, zombies and rebalances until it has had its lot, all input is
 * sent, and all sources are committed to their ends.
 */
export async function roughRun(options: RoughRunOptions): Promise<RoughRun> {
  const { world, random, maxSteps } = options
  const { scheduler } = world
  const differences: string[] = []
  let crashes = 0
  let zombies = 0
  await world.start()
  while (scheduler.steps < maxSteps && differences.length === 0) {
    if (world.failure instanceof FencedError) {
      // A late request of a dead predecessor did it. A supervisor starts the process again.
      world.failure = null
      world.crash()
    }
    if (world.failure !== null) break
    const isSent = options.feed()
    if (world.isRunning && crashes < options.crashes && random.chance(CRASH_CHANCE)) {
      world.crash()
      crashes++
      differences.push(...(await options.check()))
      if (random.chance(options.lostDisks)) world.wipeDisk()
    } else if (!world.isRunning && random.chance(START_CHANCE)) await world.start()
    else if (world.isRunning && random.chance(options.rebalances)) world.rebalance()
    else if (mayPause(world) && zombies < options.zombies && random.chance(CRASH_CHANCE)) {
      await world.replace(random.chance(0.5))
      zombies++
    }
    haunt(world, random)
    const hadItsLot = crashes >= options.crashes && zombies >= options.zombies && world.zombie === null
    const isDone = isSent && hadItsLot && world.isRunning
    if (isDone && scheduler.steps % LOOK_EVERY === 0 && world.isDrained(world.sources)) {
      if (options.isAtRest?.() !== false) break
    }
    await scheduler.step()
  }
  if (world.failure !== null) differences.push(`the instance stopped: ${world.failure.stack}`)
  else if (scheduler.steps >= maxSteps) differences.push('did not come to rest')
  if (differences.length === 0) differences.push(...(await options.check()))
  return { differences, crashes, zombies }
}

/** One zombie at a time: nobody would end the former one, nor its transaction. */
function mayPause({ isRunning, zombie }: World): boolean {
  return isRunning && zombie === null
}

/** Wakes the zombie, and later ends it. */
function haunt(world: World, random: Random): void {
  if (world.zombie === 'paused') {
    if (random.chance(0.01)) world.wakeZombie()
  } else if (world.zombie === 'running') {
    const fate = random.next()
    if (fate < 0.003) world.expelZombie()
    else if (fate < 0.006) world.buryZombie()
  }
}
