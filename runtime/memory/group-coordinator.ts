import type { Clock } from '../ports/clock.ts'
import type { MemoryCluster } from './cluster.ts'

/** A coordinator's answer instead of a result. Names are Kafka's. */
export type GroupErrorName = 'UNKNOWN_MEMBER_ID' | 'ILLEGAL_GENERATION' | 'REBALANCE_IN_PROGRESS' | 'FENCED_INSTANCE_ID'

export class GroupError extends Error {
  readonly error: GroupErrorName
  constructor(error: GroupErrorName) {
    super(error)
    this.error = error
  }
}

/** Members and their data, for the leader only. */
export interface Joined {
  readonly memberId: string
  readonly generation: number
  readonly leader: string
  /** The leader came back within its generation: the earlier assignment holds. */
  readonly skipAssignment: boolean
  readonly members: ReadonlyArray<{ readonly memberId: string; readonly metadata: Buffer }>
}

export interface GroupCoordinatorOptions {
  readonly cluster: MemoryCluster
  readonly clock: Clock
  readonly groupId: string
  readonly sessionTimeoutMs: number
  /** How long a rebalance waits for all members. */
  readonly rebalanceTimeoutMs: number
}

interface Waiting<T> {
  readonly resolve: (answer: T) => void
  readonly reject: (error: GroupError) => void
}

interface Member {
  memberId: string
  readonly instanceId: string
  metadata: Buffer
  assignment: Buffer
  joining: Waiting<Joined> | null
  syncing: Waiting<Buffer> | null
  /** clock.monotonic() at which the member is expelled without a heartbeat. */
  deadline: number
}

const NOTHING = Buffer.alloc(0)

/*
 * A classic consumer group of static members, by the rules of Kafka's coordinator. Requests come in at the broker; answers may
 * come much later.
 * 1. preparing: waits until all members have joined, or for the rebalance timeout. completing: waits for the leader's assignment.
 *    The generation moves on between the two, and with it whose offsets the cluster takes.
 * 2. A member that is not heard of for the session timeout is expelled; not while it waits for an answer.
 * 3. Who comes back under an instance id replaces it under a new member id; in a stable group it gets the assignment of before and
 *    nobody else notices. Whoever still speaks under the old member id is fenced.
 * 4. The rebalance timeout expels nobody: a member that has not joined by then stays with what it said last time.
 * 5. Of two requests of a member that wait, only the later one gets its answer. The client of the other gives up in the end; here it
 *    hears at once that it is to ask again.
 */
export class MemoryGroupCoordinator {
  readonly #options: GroupCoordinatorOptions
  readonly #members = new Map<string, Member>()
  #state: 'empty' | 'preparing' | 'completing' | 'stable' = 'empty'
  #generation = 0
  #leader = ''
  #ids = 0
  #rebalances = 0

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options
  }

  get generation(): number {
    return this.#generation
  }

  get isStable(): boolean {
    return this.#state === 'stable'
  }

  /** Instance ids of all members. */
  get instanceIds(): readonly string[] {
    return [...this.#members.keys()]
  }

  /** @param memberId '' for a new member */
  join(instanceId: string, memberId: string, metadata: Buffer): Promise<Joined> {
    return new Promise((resolve, reject) => {
      const member = this.#joining(instanceId, memberId)
      const isNews = !member.metadata.equals(metadata)
      const isBack = memberId === ''
      member.metadata = metadata
      const waiting = { resolve, reject }
      const leads = this.#leader === member.memberId
      const isAnsweredAtOnce =
        (this.#state === 'stable' && (isBack ? member.assignment !== NOTHING : !leads && !isNews)) ||
        (this.#state === 'completing' && !isBack && !isNews)
      if (isAnsweredAtOnce) {
        this.#heard(member)
        resolve(this.#joined(member, isBack && leads))
        return
      }
      // Invariant 5.
      member.joining?.reject(new GroupError('REBALANCE_IN_PROGRESS'))
      member.joining = waiting
      if (this.#state === 'preparing') this.#completeIfAllJoined()
      else this.#prepare()
    })
  }

  sync(
    instanceId: string,
    memberId: string,
    generation: number,
    assignments: ReadonlyArray<{ readonly memberId: string; readonly assignment: Buffer }>,
  ): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const member = this.#known(instanceId, memberId)
      if (generation !== this.#generation) throw new GroupError('ILLEGAL_GENERATION')
      if (this.#state === 'preparing') throw new GroupError('REBALANCE_IN_PROGRESS')
      this.#heard(member)
      if (this.#state === 'stable') {
        resolve(member.assignment)
        return
      }
      member.syncing?.reject(new GroupError('REBALANCE_IN_PROGRESS'))
      member.syncing = { resolve, reject }
      if (memberId !== this.#leader) return
      this.#state = 'stable'
      const byMember = new Map(assignments.map((given) => [given.memberId, given.assignment]))
      for (const each of this.#members.values()) {
        each.assignment = byMember.get(each.memberId) ?? Buffer.alloc(0)
        this.#heard(each)
        each.syncing?.resolve(each.assignment)
        each.syncing = null
      }
    })
  }

  heartbeat(instanceId: string, memberId: string, generation: number): void {
    const member = this.#known(instanceId, memberId)
    if (generation !== this.#generation) throw new GroupError('ILLEGAL_GENERATION')
    this.#heard(member)
    if (this.#state === 'preparing') throw new GroupError('REBALANCE_IN_PROGRESS')
  }

  /** Ignores the member id: a static member leaves by its name. */
  leave(instanceId: string): void {
    const member = this.#members.get(instanceId)
    if (member === undefined) throw new GroupError('UNKNOWN_MEMBER_ID')
    this.#remove(member)
  }

  #joining(instanceId: string, memberId: string): Member {
    if (memberId !== '') return this.#known(instanceId, memberId)
    const before = this.#members.get(instanceId)
    const id = `${instanceId}-${++this.#ids}`
    if (before !== undefined) {
      // Invariant 3.
      before.joining?.reject(new GroupError('FENCED_INSTANCE_ID'))
      before.syncing?.reject(new GroupError('FENCED_INSTANCE_ID'))
      before.joining = null
      before.syncing = null
      if (this.#leader === before.memberId) this.#leader = id
      before.memberId = id
      this.#tellCluster()
      return before
    }
    const member: Member = {
      memberId: id,
      instanceId,
      metadata: NOTHING,
      assignment: NOTHING,
      joining: null,
      syncing: null,
      deadline: 0,
    }
    this.#members.set(instanceId, member)
    this.#heard(member)
    void this.#watch(member)
    return member
  }

  #known(instanceId: string, memberId: string): Member {
    const member = this.#members.get(instanceId)
    if (member === undefined) throw new GroupError('UNKNOWN_MEMBER_ID')
    if (member.memberId !== memberId) throw new GroupError('FENCED_INSTANCE_ID')
    return member
  }

  #heard(member: Member): void {
    member.deadline = this.#options.clock.monotonic() + this.#options.sessionTimeoutMs
  }

  /** Invariant 2. */
  async #watch(member: Member): Promise<void> {
    const { clock, sessionTimeoutMs } = this.#options
    while (this.#members.get(member.instanceId) === member) {
      const left = member.deadline - clock.monotonic()
      if (member.joining !== null || member.syncing !== null) await clock.sleep(sessionTimeoutMs)
      else if (left > 0) await clock.sleep(left)
      else this.#remove(member)
    }
  }

  #remove(member: Member): void {
    this.#members.delete(member.instanceId)
    member.joining?.reject(new GroupError('UNKNOWN_MEMBER_ID'))
    member.syncing?.reject(new GroupError('UNKNOWN_MEMBER_ID'))
    if (this.#leader === member.memberId) this.#leader = this.#members.values().next().value?.memberId ?? ''
    if (this.#state === 'preparing') this.#completeIfAllJoined()
    else this.#prepare()
    this.#tellCluster()
  }

  #prepare(): void {
    for (const member of this.#members.values()) {
      member.syncing?.reject(new GroupError('REBALANCE_IN_PROGRESS'))
      member.syncing = null
      this.#heard(member)
    }
    this.#state = 'preparing'
    void this.#limitRebalance(++this.#rebalances)
    this.#completeIfAllJoined()
  }

  async #limitRebalance(rebalance: number): Promise<void> {
    const { clock, rebalanceTimeoutMs } = this.#options
    while (this.#state === 'preparing' && this.#rebalances === rebalance) {
      await clock.sleep(rebalanceTimeoutMs)
      const isLate = this.#state === 'preparing' && this.#rebalances === rebalance
      // Invariant 4. Without any member it continues to wait, because sessions end.
      if (isLate && [...this.#members.values()].some(({ joining }) => joining !== null)) this.#complete()
    }
  }

  #completeIfAllJoined(): void {
    if ([...this.#members.values()].every(({ joining }) => joining !== null)) this.#complete()
  }

  #complete(): void {
    this.#generation++
    const members = [...this.#members.values()]
    this.#state = members.length === 0 ? 'empty' : 'completing'
    const joined = members.filter(({ joining }) => joining !== null)
    if (!joined.some(({ memberId }) => memberId === this.#leader)) this.#leader = joined[0]?.memberId ?? ''
    for (const member of members) {
      this.#heard(member)
      member.joining?.resolve(this.#joined(member, false))
      member.joining = null
    }
    this.#tellCluster()
  }

  #joined({ memberId }: Member, skipAssignment: boolean): Joined {
    const members = memberId === this.#leader ? [...this.#members.values()] : []
    return {
      memberId,
      generation: this.#generation,
      leader: this.#leader,
      skipAssignment,
      members: members.map(({ memberId: id, metadata }) => ({ memberId: id, metadata })),
    }
  }

  #tellCluster(): void {
    const memberIds = [...this.#members.values()].map(({ memberId }) => memberId)
    this.#options.cluster.setGroup(this.#options.groupId, this.#generation, memberIds)
  }
}
