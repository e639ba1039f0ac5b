import type { LocalCluster } from '../../infra/local-kafka/jar-cluster.ts'
import { Random } from '../support/random.ts'
import type { BitFlips } from './bit-flips.ts'
import type { ConstantLoad, LoadRecord } from './constant-load.ts'
import type { FaultType, PlannedFault } from './fault-plan.ts'
import type { Instance } from './instance.ts'
import type { InternalLeaders } from './internal-leaders.ts'

/** A fault in two steps: what breaks, and what makes the set whole again. */
export interface Fault {
  readonly type: FaultType
  readonly victim: string
  /** Resolves when the damage is done and has lasted as long as planned. */
  strike(): Promise<void>
  /** Resolves when the victim is up again; readiness is asked for elsewhere. */
  repair(): Promise<void>
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export function brokerFault(planned: PlannedFault, cluster: LocalCluster, leaders: InternalLeaders): Fault {
  if (planned.type === 'move') {
    return {
      type: 'move',
      victim: 'all coordinators',
      strike: () => leaders.moveAway(),
      repair: () => leaders.makeWhole(),
    }
  }
  let index = Math.floor(planned.pick * cluster.brokers.length)
  const broker = () => {
    const found = cluster.brokers[index]
    if (found === undefined) throw new RangeError('no broker')
    return found
  }
  return {
    type: planned.type,
    get victim() {
      return `broker ${index + 1}`
    },
    strike: async () => {
      if (planned.type === 'coordinator') index = (await leaders.groupCoordinator()) - 1
      await broker().kill()
      await pause(planned.holdMs)
    },
    repair: () => broker().restart(),
  }
}

/** Done when the last of the events is in the log; the records after it show what the flood costs. */
export function floodFault(load: ConstantLoad, events: number, random: Random): Fault {
  return {
    type: 'flood',
    victim: 'all instances',
    strike: () => load.flood(invalidEvents(events, random)),
    repair: async () => undefined,
  }
}

/** Blows in steps: whoever is away or stopped comes back, and whoever works is hit, recovered or not. */
export function stormFault({ pick }: PlannedFault, instances: readonly Instance[], sessionTimeoutMs: number): Fault {
  const random = new Random(Math.floor(pick * 2 ** 32))
  const blows: string[] = []
  const hit = async (instance: Instance): Promise<void> => {
    // It has fallen by itself: the round is to see it.
    if (instance.hasFallen) return
    const blow = instance.isPaused
      ? 'resume'
      : instance.isAway
        ? 'start'
        : random.pick(['pause', 'leave', 'kill', 'wipe'] as const)
    blows.push(`${blow} ${instance.name.split(' ').at(-1)}`)
    if (blow === 'resume') return instance.resume()
    if (blow === 'start') return instance.start()
    if (blow === 'pause') return instance.pause()
    if (blow === 'leave') return leave(instance)
    await instance.end('SIGKILL')
    if (blow === 'wipe') await instance.wipe()
  }
  return {
    type: 'storm',
    get victim() {
      return `all instances (${blows.join(', ')})`
    },
    strike: async () => {
      for (let left = 4 + random.below(6); left > 0; left--) {
        await hit(random.pick(instances))
        await pause(random.below(random.chance(0.2) ? sessionTimeoutMs + 2000 : 1500))
      }
    },
    repair: async () => {
      for (const instance of instances) {
        if (instance.isPaused) instance.resume()
        else if (instance.isAway) await instance.start()
      }
    },
  }
}

export function flipFault(flips: BitFlips): Fault {
  return {
    type: 'flip',
    victim: 'answers of the broker',
    strike: () => flips.strike(),
    repair: async () => undefined,
  }
}

function invalidEvents(count: number, random: Random): LoadRecord[] {
  const flood = random.below(1_000_000)
  const timestamp = Date.now()
  return Array.from({ length: count }, (_, i) => ({
    topic: 'trip.requested',
    key: Buffer.from(`flood-${i % 1000}`),
    value: Buffer.from(JSON.stringify({ eventId: `flood-${flood}-${i}`, nonsense: 'x'.repeat(100) })),
    timestamp,
    partitionHint: null,
  }))
}

async function leave(instance: Instance): Promise<void> {
  const code = await instance.end('SIGTERM')
  if (code !== 0) throw new Error(`${instance.name} left with exit code ${code}`)
}

const MOST_CLOCK_JUMP_MS = 30 * 86_400_000

export function instanceFault({ type, holdMs, pick }: PlannedFault, instance: Instance): Fault {
  const comeBack = () => instance.start()
  const fault = (strike: () => Promise<unknown>, repair: () => Promise<void>): Fault => ({
    type,
    victim: instance.name,
    strike: async () => {
      await strike()
      await pause(holdMs)
    },
    repair,
  })
  switch (type) {
    case 'pause':
      return fault(
        async () => instance.pause(),
        async () => instance.resume(),
      )
    case 'wipe':
      return fault(async () => {
        await instance.end('SIGKILL')
        await instance.wipe()
      }, comeBack)
    case 'clock':
      return fault(
        () =>
          instance.moveClock(Math.round((2 * new Random(Math.floor(pick * 2 ** 32)).next() - 1) * MOST_CLOCK_JUMP_MS)),
        () => instance.moveClock(0),
      )
    case 'corrupt':
      return fault(async () => {
        await instance.end('SIGKILL')
        await instance.corrupt(new Random(Math.floor(pick * 2 ** 32)))
      }, comeBack)
    case 'thread':
      return fault(
        () => instance.program.moveThreads('add'),
        () => instance.program.moveThreads('remove'),
      )
    case 'leave':
      return fault(() => leave(instance), comeBack)
    default:
      return fault(() => instance.end('SIGKILL'), comeBack)
  }
}
