import type { TopicPartition } from '../../runtime/ports/log.ts'
import { World } from '../../runtime/simulation/world.ts'
import type { Tick } from '../../runtime/task/tick-log.ts'
import { FencedError } from '../../state/ports/errors.ts'
import { IDLE_INPUTS, IDLE_OUTPUTS, idlePlan, JOIN_TICKS, WINDOW_TICKS } from '../support/idle-topology.ts'
import { Random } from '../support/random.ts'

const PARTITIONS = [0, 1]
const MAX_STEPS = 40_000
/** Longer than any window, its grace, and the idle time. */
const QUIET_MS = 3000

export interface IdleReport {
  readonly seed: number
  /** In words; [] = the replay gave what was live, and nothing was held back at the end. */
  readonly differences: readonly string[]
  readonly crashes: number
  readonly recoveries: number
  readonly ticks: number
  /** Records that came out of the live run. */
  readonly outputs: number
}

/**
 * Windows on quiet partitions under crashes at any step, lost requests and replies, and aborted foreign transactions: first
 * live, with pauses in which ticks close them and late records behind the ticks; then once more from the beginning with
 * empty stores. Every output partition must be the same, record by record.
 *
 * Joins read two partitions, and which of two records that are there at once goes first is decided by their timestamps: so
 * their timestamps grow in the order of production, and start again only behind a tick.
 */
export async function simulateIdle(seed: number): Promise<IdleReport> {
  const random = new Random(seed)
  const plan = idlePlan({ afterMs: 20 + random.below(100), caching: seed % 2 === 0 })
  const world = new World({
    random,
    plan,
    topics: [...IDLE_INPUTS, ...IDLE_OUTPUTS, 'app.dlq'].map((name) => ({ name, partitions: PARTITIONS.length })),
    mutants: {},
    faults: { loseRequest: 0.01, loseReply: 0.01 },
  })
  const input = new Input(world, random)
  const differences: string[] = []
  let crashes = 0

  const step = async (crashChance: number): Promise<void> => {
    if (world.isRunning && random.chance(crashChance)) {
      world.crash()
      crashes++
      if (random.chance(0.3)) world.wipeDisk()
    } else if (!world.isRunning && random.chance(0.05)) await world.start()
    else await world.scheduler.step()
    if (world.failure instanceof FencedError) {
      // By a request of a dead incarnation that arrived late. Whoever watches the process starts it again.
      world.failure = null
      world.crash()
    } else if (world.failure !== null) throw new Error(`the instance stopped: ${world.failure.stack}`)
    if (world.scheduler.steps > MAX_STEPS) throw new Error('did not come to rest')
  }
  const quiet = async (crashChance: number): Promise<void> => {
    for (;;) {
      while (!world.isRunning || !world.isDrained(SOURCES)) await step(crashChance)
      let since = world.scheduler.now
      let { recoveries } = world
      while (world.isRunning && world.isDrained(SOURCES) && world.scheduler.now - since < QUIET_MS) {
        await step(crashChance / 10)
        if (world.recoveries === recoveries) continue
        // A failed commit may have held a tick, which comes again.
        recoveries = world.recoveries
        since = world.scheduler.now
      }
      if (world.isRunning && world.isDrained(SOURCES)) return
    }
  }

  await world.start()
  try {
    const rounds = 2 + random.below(3)
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < 3 + random.below(8); i++) {
        input.produce()
        for (let steps = random.below(30); steps > 0; steps--) await step(0.002)
      }
      if (random.chance(0.7)) await quiet(0.002)
    }
    await quiet(0.002)
    const live = results(world)
    const ticks = tickCount(world)
    const outputs = Object.values(live).flat().length
    await reset(world)
    await world.start()
    await quiet(0.002)
    const all = results(world)
    for (const [name, records] of Object.entries(live)) {
      const again = all[name]?.slice(records.length)
      if (JSON.stringify(again) !== JSON.stringify(records))
        differences.push(`${name}: live ${records.join(' ')}, replayed ${again?.join(' ')}`)
    }
    if (tickCount(world) !== ticks) differences.push(`${tickCount(world) - ticks} more ticks in the replay`)
    return { seed, differences, crashes, recoveries: world.recoveries, ticks, outputs }
  } catch (error) {
    differences.push(String(error instanceof Error ? error.stack : error))
    return { seed, differences, crashes, recoveries: world.recoveries, ticks: 0, outputs: 0 }
  }
}

const SOURCES: readonly TopicPartition[] = IDLE_INPUTS.flatMap((topic) =>
  PARTITIONS.map((partition) => ({ topic, partition })),
)

class Input {
  readonly #world: World
  readonly #random: Random
  /** Per partition: of windows any, of joins growing. */
  readonly #windowTime = [10_000, 10_000]
  readonly #joinTime = [10_000, 10_000]

  constructor(world: World, random: Random) {
    this.#world = world
    this.#random = random
  }

  produce(): void {
    const random = this.#random
    const partition = random.below(PARTITIONS.length)
    const key = `${partition}${random.pick(['a', 'b', 'c'])}`
    if (random.chance(0.5)) {
      const latest = this.#windowTime[partition] as number
      const timestamp = Math.max(0, latest + random.below(600) - (random.chance(0.3) ? 1500 : 200))
      this.#windowTime[partition] = Math.max(latest, timestamp)
      this.#put('in', partition, key, timestamp, random.chance(0.1))
      return
    }
    const latest = this.#joinTime[partition] as number
    const timestamp = this.#isBehindTick(partition) ? latest - random.below(500) : latest + 1 + random.below(150)
    this.#joinTime[partition] = timestamp
    this.#put(random.pick(['left', 'right']), partition, key, timestamp, false)
  }

  #put(topic: string, partition: number, key: string, timestamp: number, aborted: boolean): void {
    const record = { topic, partition, key: Buffer.from(key), timestamp }
    if (aborted) this.#world.produce({ ...record, value: Buffer.from('aborted') }, true)
    this.#world.produce({ ...record, value: Buffer.from(String(timestamp)) }, false)
  }

  /** The last tick of the join came after everything that was produced. */
  #isBehindTick(partition: number): boolean {
    const last = this.#world.committedOf({ topic: JOIN_TICKS, partition }).at(-1)
    if (last === undefined) return false
    const { positions } = JSON.parse(String(last.value)) as Pick<Tick, 'positions'>
    return ['left', 'right'].every(
      (topic) => positions[`${topic}:${partition}`] === this.#world.cluster.log({ topic, partition }).highWatermark,
    )
  }
}

/** Committed records of each output partition. */
function results(world: World): Record<string, string[]> {
  const found: Record<string, string[]> = {}
  for (const topic of IDLE_OUTPUTS)
    for (const partition of PARTITIONS)
      found[`${topic}-${partition}`] = world
        .committedOf({ topic, partition })
        .map(({ key, value, timestamp }) => `${key}=${value}@${timestamp}`)
  return found
}

function tickCount(world: World): number {
  return world.committed(WINDOW_TICKS).length + world.committed(JOIN_TICKS).length
}

/** All inputs from the beginning, stores and changelogs empty. */
async function reset(world: World): Promise<void> {
  world.crash()
  // Messages in flight arrive, and transactions they left open are aborted, before anything is reset.
  while (await world.scheduler.step());
  await world.start()
  while (!world.isDrained(SOURCES)) await world.scheduler.step()
  world.crash()
  while (await world.scheduler.step());
  world.wipeDisk()
  const { cluster } = world
  for (const topic of cluster.topicNames) {
    if (!topic.endsWith('-changelog')) continue
    for (const partition of PARTITIONS) {
      const log = cluster.log({ topic, partition })
      log.deleteBelow(log.highWatermark)
    }
  }
  const member = cluster.member('app')
  if (member === null) throw new Error('the application never had a member')
  cluster.offsetCommit(
    { groupId: 'app', groupInstanceId: null, ...member },
    SOURCES.map((source) => ({ ...source, offset: 0, metadata: '' })),
  )
}
