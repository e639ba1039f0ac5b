import { MemoryCluster } from '../../../runtime/memory/cluster.ts'

type Session = Parameters<MemoryCluster['txnOffsetCommit']>[0]

/** `<application>/<process>/<thread>`: names that tell whose they are. */
export function transactionalIdOf(processId: string, thread: number): string {
  return `sim/${processId}/${thread}`
}

export function processOf(transactionalId: string): string {
  return transactionalId.split('/')[1] ?? ''
}

/*
 * The cluster, and who watches what reaches it:
 * 1. In one generation the offsets of a partition are committed by one process at most.
 * 2. Offsets of a partition are never in two open transactions at once.
 */
export class WatchedCluster extends MemoryCluster {
  readonly violations: string[] = []
  /** Transactional id -> now() at its first request. */
  readonly openSince = new Map<string, number>()
  now: () => number = () => 0
  /** Called with important events, for replays of a seed. */
  onEvent: (what: string) => void = () => undefined
  readonly #committers = new Map<string, string>()
  readonly #holders = new Map<string, string>()

  override initProducerId(transactionalId: string): Session {
    try {
      const session = super.initProducerId(transactionalId)
      this.onEvent(`${transactionalId} has epoch ${session.epoch}`)
      return session
    } finally {
      // Also one that must be asked again has aborted what was open.
      this.#ended(transactionalId)
    }
  }

  override produce(...args: Parameters<MemoryCluster['produce']>): number {
    const base = super.produce(...args)
    this.#began(args[0].transactionalId)
    return base
  }

  override txnOffsetCommit(...[session, group, offsets]: Parameters<MemoryCluster['txnOffsetCommit']>): void {
    super.txnOffsetCommit(session, group, offsets)
    const { transactionalId } = session
    const names = offsets.map(({ topic, partition, offset }) => `${topic}-${partition}@${offset}`)
    this.onEvent(`${transactionalId} commits in generation ${group.generation}: ${names.join(' ')}`)
    this.#began(transactionalId)
    const processId = processOf(transactionalId)
    for (const { topic, partition } of offsets) {
      const name = `${topic}-${partition}`
      const inGeneration = `${name} in generation ${group.generation}`
      const other = this.#committers.get(inGeneration)
      if (other !== undefined && other !== processId) {
        this.violations.push(`${other} and ${processId} both commit ${inGeneration}`)
      }
      this.#committers.set(inGeneration, processId)
      const holder = this.#holders.get(name)
      if (holder !== undefined && holder !== transactionalId) {
        this.violations.push(`${holder} and ${transactionalId} have ${name} in open transactions`)
      }
      this.#holders.set(name, transactionalId)
    }
  }

  override setGroup(groupId: string, generation: number, memberIds: readonly string[]): void {
    super.setGroup(groupId, generation, memberIds)
    this.onEvent(`generation ${generation}: ${memberIds.join(' ')}`)
  }

  override endTxn(...[session, result]: Parameters<MemoryCluster['endTxn']>): void {
    super.endTxn(session, result)
    this.onEvent(`${session.transactionalId} ends its transaction: ${result}`)
    this.#ended(session.transactionalId)
  }

  #began(transactionalId: string): void {
    if (!this.openSince.has(transactionalId)) this.openSince.set(transactionalId, this.now())
  }

  #ended(transactionalId: string): void {
    this.openSince.delete(transactionalId)
    for (const [name, holder] of this.#holders) if (holder === transactionalId) this.#holders.delete(name)
  }
}
