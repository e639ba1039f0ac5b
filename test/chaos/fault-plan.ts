import { Random } from '../support/random.ts'

/**
 * kill: kill -9, stays away until the others have its tasks. restart: kill -9, and started again at once as a supervisor does.
 * pause: SIGSTOP for longer than the session timeout, then SIGCONT. broker: kill -9 of one broker, some time down. wipe: kill -9
 * and the state directory is gone. leave: SIGTERM, started again later. coordinator: kill -9 of the broker that coordinates the group.
 * move: all partitions of offsets and transactions get other leaders, and nobody is killed. corrupt: kill -9, a page, a bit and an end of files
 * of three stores are damaged, started again at once. flood: a burst of invalid events. flip: bits of what the lone broker answers are
 * flipped on their way to the instances, in record batches and in the protocol's own bytes. clock: the wall clock of an instance jumps by up
 * to 30 days, ahead or back, and some seconds later to where it was. thread: an instance gets one more stream thread, and loses it some
 * seconds later. storm: instances are killed, stopped, closed and started in disorder, while they still recover from the one before.
 */
export const FAULT_TYPES = [
  'kill',
  'restart',
  'pause',
  'broker',
  'wipe',
  'leave',
  'coordinator',
  'move',
  'corrupt',
  'flood',
  'flip',
  'clock',
  'thread',
  'storm',
] as const
export type FaultType = (typeof FAULT_TYPES)[number]

/** Faults that hit brokers. */
export const BROKER_FAULTS: ReadonlySet<FaultType> = new Set(['broker', 'coordinator', 'move', 'flip'])
/** Faults that need another member to move tasks to. */
export const CLUSTER_FAULTS: ReadonlySet<FaultType> = new Set(['coordinator', 'move'])

export interface PlannedFault {
  readonly type: FaultType
  /** Quiet time before it, ms. */
  readonly afterMs: number
  /** In [0, 1): which of the instances, or brokers. */
  readonly pick: number
  /** How long the victim stays away or stopped, ms; 0 for faults that it returns from at once. */
  readonly holdMs: number
}

export interface FaultPlanOptions {
  readonly seed: number
  readonly types: readonly FaultType[]
  readonly instances: number
  readonly brokers: number
  readonly sessionTimeoutMs: number
  /** Longest time a lone broker is down, ms. */
  readonly maxBrokerDownMs: number
}

/** Without end; the same for the same options. Each type comes as often as the others, in shuffled turns. */
export function* faultPlan(options: FaultPlanOptions): Generator<PlannedFault> {
  const random = new Random(options.seed ^ 0xfa017)
  for (;;) {
    for (const type of shuffled(options.types, random)) {
      yield { type, afterMs: 300 + random.below(1500), pick: random.next(), holdMs: holdMs(type, options, random) }
    }
  }
}

function holdMs(type: FaultType, options: FaultPlanOptions, random: Random): number {
  const beyondSession = options.sessionTimeoutMs + 1000 + random.below(3000)
  switch (type) {
    case 'pause':
      return beyondSession
    case 'kill':
      // Nobody takes over from the only one.
      return options.instances > 1 ? beyondSession : 0
    case 'clock':
    case 'thread':
      return 1000 + random.below(3000)
    case 'leave':
      return options.instances > 1 ? 1000 + random.below(2000) : 0
    case 'broker':
    case 'coordinator':
      return options.brokers > 1 ? 1000 + random.below(9000) : 1000 + random.below(options.maxBrokerDownMs - 1000)
    default:
      return 0
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const [a, b] = [result[i] as T, result[j] as T]
    result[i] = b
    result[j] = a
  }
  return result
}
