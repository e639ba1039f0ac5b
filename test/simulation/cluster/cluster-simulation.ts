import { CORE_PROCESSORS } from '../../../processors/processor-names.ts'
import { rideTopics } from '../../../processors/ride-topics.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import type { Faults } from '../../../runtime/simulation/scheduler.ts'
import { Random } from '../../support/random.ts'
import { rideInput } from '../../support/ride-input.ts'
import { APPLICATION_ID, exactDifferences, expectation } from '../ride-differences.ts'
import { type ClusterMutants, ClusterWorld, type Happenings } from './cluster-world.ts'

const MAX_STEPS = 60_000
const FAULTS: Faults = { loseRequest: 0.006, loseReply: 0.006, delay: 0.01, delayMarkers: 0.3, arriveLate: 0.003 }

export interface ClusterFaults extends Faults {
  /** Chance per step that a machine adds or removes a thread. Default 0. */
  readonly changeThreads: number
}

/** Some changes of threads in each run. */
export const THREAD_CHANGES: Partial<ClusterFaults> = { changeThreads: 0.01 }

/** Faults stop after so many steps at the latest. */
const ROUGH_STEPS = 6000

export interface ClusterReport extends Happenings {
  readonly seed: number
  /** In words; [] = all invariants held. */
  readonly differences: readonly string[]
  readonly machines: number
  readonly steps: number
}

/**
 * The ride application as a group of one to four processes on the in-memory cluster, with the real membership and assignor: crashes
 * at any step, wiped disks, pauses beyond the session timeout, cut networks, clean leaves, clocks that jump, requests and
 * replies that are lost, slow or late, aborted foreign transactions, all drawn by seed. At every crash each store on each disk
 * equals the fold of its committed changelog; always no task has two owners in a generation; in the end, when it is calm, everything
 * comes to rest with the members that are left, and every output equals the oracle.
 */
export async function simulateCluster(
  seed: number,
  mutants: ClusterMutants = {},
  onEvent?: (line: string) => void,
  faults: Partial<ClusterFaults> = {},
): Promise<ClusterReport> {
  const random = new Random(seed)
  const { changeThreads = 0 } = faults
  // Drawn apart: a seed without such changes keeps its schedule.
  const threadRandom = new Random(seed + 1_000_003)
  const world = worldOf(random, mutants, { ...FAULTS, ...faults }, onEvent)
  const { scheduler, machines, report } = world
  const waiting = rideInput({ seed, count: 50, drivers: 4, invalid: 0.05 })
  const differences: string[] = []
  let faultsLeft = random.below(7)
  const faultChance = 0.001 + random.next() * 0.006

  const strike = async (): Promise<void> => {
    const machine = random.pick(machines)
    if (machine.process === null) return
    if (machine.state === 'paused' || machine.state === 'cut') {
      if (random.chance(0.3)) machine.crash()
      else machine.heal()
      return
    }
    faultsLeft--
    const kind = random.below(10)
    if (kind < 4) {
      machine.crash()
      report.crashes++
      differences.push(...(await world.diskDifferences()))
      if (random.chance(0.25)) {
        machine.wipe()
        report.wipes++
      }
    } else if (kind < 6) {
      machine.pause()
      report.pauses++
    } else if (kind < 7) {
      machine.cut()
      report.cuts++
    } else if (kind < 9) {
      machine.close()
      report.leaves++
    } else {
      machine.skew(random.below(20_000) - 10_000)
      report.skews++
    }
  }

  const isOver = (): boolean => differences.length > 0 || world.violations.length > 0 || scheduler.steps >= MAX_STEPS
  for (const machine of machines) if (machine === machines[0] || random.chance(0.6)) await machine.start()
  let isCalm = false
  while (!isOver()) {
    if (waiting.length > 0 && random.chance(0.08)) {
      for (const record of waiting.splice(0, 1 + random.below(6))) {
        if (random.chance(0.1)) world.produce({ ...record, partition: record.partitionHint }, true)
        world.produce({ ...record, partition: record.partitionHint }, false)
      }
    }
    if (!isCalm) {
      if (faultsLeft > 0 && random.chance(faultChance)) await strike()
      for (const machine of machines) {
        if (machine.state === 'down' ? random.chance(0.003) : random.chance(0.001)) {
          if (machine.state === 'down') await machine.start()
          else machine.heal()
        }
      }
      if (changeThreads > 0 && threadRandom.chance(changeThreads)) {
        threadRandom.pick(machines).changeThreads(threadRandom.chance(0.5))
      }
      const hadItsLot = waiting.length === 0 && faultsLeft <= 0
      if (hadItsLot || scheduler.steps > ROUGH_STEPS) {
        isCalm = true
        scheduler.calmDown()
        for (const machine of machines) machine.heal()
      }
    } else if (!machines.some(({ isWell }) => isWell) && machines.every(({ state }) => state === 'down')) {
      await random.pick(machines).start()
    } else if (waiting.length === 0 && scheduler.steps % 50 === 0 && isAtRest()) {
      if ((await ownerDifferences(world)).length === 0) break
    }
    if (scheduler.steps % 20 === 0) {
      await world.checkOwners()
      world.timeOutTransactions()
    }
    await scheduler.step()
  }
  differences.push(...world.violations)
  if (differences.length === 0 && scheduler.steps >= MAX_STEPS) {
    differences.push(`did not come to rest: ${[unrest(), ...(await ownerDifferences(world))].join('; ')}`)
  }
  if (differences.length === 0) {
    differences.push(...(await world.diskDifferences()), ...exactDifferences(world, expectation(world)))
  }
  return { seed, differences, machines: machines.length, steps: scheduler.steps, ...report }

  function isAtRest(): boolean {
    return (
      machines.every(({ state }) => state === 'down' || state === 'running') &&
      world.coordinator.isStable &&
      world.coordinator.instanceIds.length === machines.filter(({ isWell }) => isWell).length &&
      machines.every(({ process }) => process === null || process.instance.state() === 'RUNNING') &&
      world.cluster.openSince.size === 0 &&
      world.isDrained(world.sources)
    )
  }

  function unrest(): string {
    const states = machines.map(({ name, state, process }) => `${name} ${state} ${process?.instance.state() ?? ''}`)
    const open = [...world.cluster.openSince.keys()]
    return `${states.join(', ')}; group ${world.coordinator.instanceIds.join(' ')}${world.coordinator.isStable ? '' : ' (not stable)'}; open ${open.join(' ')}`
  }
}

function worldOf(
  random: Random,
  mutants: ClusterMutants,
  faults: Faults,
  onEvent?: (line: string) => void,
): ClusterWorld {
  const plan = buildRideTopology({ h3Resolution: 9, processors: CORE_PROCESSORS }).build({
    applicationId: APPLICATION_ID,
  })
  const topics = rideTopics({ applicationId: APPLICATION_ID, outputRetentionMs: -1 }).map(({ name }) => ({
    name,
    partitions: 2,
  }))
  const sessionTimeoutMs = 300 + random.below(300)
  const machines = 1 + random.below(4)
  return new ClusterWorld({
    random,
    plan,
    topics,
    mutants,
    onEvent,
    faults,
    settings: {
      machines,
      sessionTimeoutMs,
      rebalanceTimeoutMs: sessionTimeoutMs * (random.chance(0.2) ? 0.5 : 6),
      assignment: {
        standbyReplicas: random.below(3),
        acceptableRecoveryLag: random.below(20),
        maxWarmupReplicas: 1 + random.below(2),
      },
    },
  })
}

/** Everything runs once; in between moves it may not. */
async function ownerDifferences(world: ClusterWorld): Promise<string[]> {
  const running = new Map<string, number>()
  for (const { process } of world.machines) {
    if (process === null) continue
    for (const { taskId, state } of await process.instance.tasks()) {
      if (state === 'running') running.set(taskId, (running.get(taskId) ?? 0) + 1)
    }
  }
  const { tasks } = await world.layOut()
  return tasks
    .filter(({ taskId }) => running.get(taskId) !== 1)
    .map(({ taskId }) => `${taskId} runs ${running.get(taskId) ?? 0} times`)
}
