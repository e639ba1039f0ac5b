import type { GroupMetadata } from '../ports/log.ts'
import type { Assignment, GroupMembership, MembershipListener, MemberThreads } from '../ports/membership.ts'
import type { MemoryCluster } from './cluster.ts'

export interface MemoryMembershipOptions {
  readonly cluster: MemoryCluster
  readonly groupId: string
  readonly memberId: string
  /** All tasks: an in-memory group has one member at a time. */
  readonly tasks: readonly string[]
}

/*
 * A group with one member, the one that joined last. Its join ends the generation of its predecessor.
 * 1. The listener is called one at a time, as the port says; the generation moves on at the call.
 * 2. Only join() takes the group over: a member that was replaced has no more rebalances.
 */
export class MemoryMembership implements GroupMembership {
  readonly #options: MemoryMembershipOptions
  #listener: MembershipListener | null = null
  #assignment: Assignment
  #generation = 0
  /** Reason with which this member has asked all to stop. */
  shutdownReason: string | null = null
  #last: Promise<void> = Promise.resolve()

  constructor(options: MemoryMembershipOptions) {
    this.#options = options
    this.#assignment = { active: options.tasks, standby: [] }
  }

  async join(listener: MembershipListener): Promise<void> {
    this.#listener = listener
    await this.#inTurn(async () => {
      const { cluster, groupId, memberId } = this.#options
      // Nobody can commit with the earlier generation any longer.
      cluster.setMember(groupId, memberId, cluster.member(groupId)?.generation ?? 0)
      await this.#assign()
    })
  }

  current(): GroupMetadata | null {
    if (this.#generation === 0) return null
    const { groupId, memberId } = this.#options
    return { groupId, memberId, generation: this.#generation, groupInstanceId: null }
  }

  /** Runs a rebalance that ends with these tasks; default: the same as before. */
  async rebalance(assignment: Partial<Assignment> = {}): Promise<void> {
    await this.#inTurn(async () => {
      this.#assignment = { ...this.#assignment, ...assignment }
      await this.#listener?.report()
      await this.#assign()
    })
  }

  /** The group continues without this member, which learns of it and does not come back. */
  async expel(): Promise<void> {
    this.#generation = 0
    await this.#inTurn(async () => this.#listener?.onLost('expelled'))
  }

  update({ threads }: MemberThreads): void {
    // A failure of the listener is the listener's own: it has told it by then.
    this.rebalance({ threads }).catch(() => undefined)
  }

  /** There is no other member to inform. */
  async shutDownApplication(reason: string): Promise<void> {
    this.shutdownReason = reason
  }

  async leave(): Promise<void> {
    this.#generation = 0
    this.#listener = null
  }

  async stop(): Promise<void> {
    await this.leave()
  }

  #inTurn(turn: () => Promise<void>): Promise<void> {
    const done = this.#last.then(turn)
    this.#last = done.catch(() => undefined) // given to the caller of that turn
    return done
  }

  async #assign(): Promise<void> {
    const listener = this.#listener
    if (listener === null) return
    const { cluster, groupId, memberId } = this.#options
    const accepted = cluster.member(groupId)
    if (accepted?.memberId !== memberId) return
    this.#generation = accepted.generation + 1
    cluster.setMember(groupId, memberId, this.#generation)
    await listener.onAssigned(this.#assignment)
  }
}
