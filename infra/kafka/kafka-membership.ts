import type { GroupMetadata } from '../../runtime/ports/log.ts'
import type { GroupMembership, MemberInfo, MembershipListener, TaskPartitions } from '../../runtime/ports/membership.ts'
import {
  type GroupKnowledge,
  goneTransactionalIds,
  type MemberAssignment,
  NOTHING_KNOWN,
  parseAssignment,
  planGroup,
  subscriptionOf,
} from './group-plan.ts'
import { GenerationOverError, GroupRequests, UnknownMemberError } from './group-requests.ts'
import { Heartbeats } from './heartbeats.ts'
import type { KafkaConnectionConfig } from './kafka-config.ts'
import { ErrorCode, isTransportFailure, messageOf } from './protocol-error.ts'
import { Backoff, pause, TryAgain, withRetries } from './retry.ts'

export interface KafkaMembershipOptions {
  readonly groupId: string
  /** Static membership: who comes back with the same id within the session timeout gets its tasks back at once. */
  readonly groupInstanceId: string | null
  readonly info: MemberInfo
  /** All tasks of the application, the same for every member. */
  readonly tasks: readonly TaskPartitions[]
  /** After this time without a heartbeat the member is expelled, ms. Default 10 s. */
  readonly sessionTimeoutMs?: number
  /** How long a rebalance waits for members to release their tasks, ms. Default 60 s. */
  readonly rebalanceTimeoutMs?: number
  /** Default a tenth of the session timeout, at most 500 ms. */
  readonly heartbeatIntervalMs?: number
  /** Called before each onAssigned with the transactional ids of members that are gone; resolves when they are fenced. */
  readonly beforeAssigned: (fence: readonly string[]) => Promise<void>
}

/*
 * A member of a classic consumer group, eager: everything is released, then joined again.
 * 1. The life is one loop: join, sync, fence, onAssigned, wait for the generation's end, onRevoked or onLost. So the
 *    listener is called one at a time. Heartbeats go on beside it from sync until the next join.
 * 2. #current is set from sync until onRevoked has resolved or onLost is called: as long as offsets may be committed.
 * 3. Transactional ids of members that are gone are fenced by everybody who remembers them, before any task is opened.
 */
export class KafkaMembership implements GroupMembership {
  readonly #options: KafkaMembershipOptions
  readonly #requests: GroupRequests
  readonly #metadata: Buffer
  #memberId = ''
  #current: GroupMetadata | null = null
  #heartbeats: Heartbeats | null = null
  #knowledge: GroupKnowledge = NOTHING_KNOWN
  #left = false

  constructor(config: KafkaConnectionConfig, options: KafkaMembershipOptions) {
    this.#options = options
    this.#requests = new GroupRequests(config, {
      groupId: options.groupId,
      groupInstanceId: options.groupInstanceId,
      sessionTimeoutMs: this.#sessionTimeoutMs,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 60_000,
    })
    this.#metadata = subscriptionOf(options.info, options.tasks)
  }

  /** Rejects when the group refuses the member before its first assignment; afterwards such errors go to onFatal. */
  join(listener: MembershipListener): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let joined = false
    const onFirstAssignment = () => {
      joined = true
      resolve()
    }
    this.#live(listener, onFirstAssignment).then(resolve, (error: unknown) => {
      this.#current = null
      this.#heartbeats?.stop()
      const failure = error instanceof Error ? error : new Error(messageOf(error))
      if (joined) listener.onFatal(failure)
      else reject(failure)
    })
    return promise
  }

  current(): GroupMetadata | null {
    return this.#current
  }

  async leave(): Promise<void> {
    if (this.#left) return
    this.#left = true
    this.#current = null
    this.#heartbeats?.stop()
    const known = this.#memberId !== '' || this.#options.groupInstanceId !== null
    if (known) await this.#sendLeave()
    await this.#requests.cluster.close()
  }

  /** Ends without leaving, as a crash would: a static member keeps its tasks until the session times out. */
  async close(): Promise<void> {
    this.#left = true
    this.#current = null
    this.#heartbeats?.stop()
    await this.#requests.cluster.close()
  }

  async #live(listener: MembershipListener, onFirstAssignment: () => void): Promise<void> {
    while (!this.#left) {
      const assignment = await this.#joinAndSync()
      if (assignment === null) return
      const { heartbeats, generation, memberAssignment } = assignment
      const ended = await this.#serve(listener, memberAssignment, generation, heartbeats, onFirstAssignment)
      if (ended === 'left') return
    }
  }

  /** One generation, from its assignment to the release of its tasks. */
  async #serve(
    listener: MembershipListener,
    assignment: MemberAssignment,
    generation: number,
    heartbeats: Heartbeats,
    onFirstAssignment: () => void,
  ): Promise<'over' | 'left'> {
    await this.#fence(assignment)
    if (this.#left) return 'left'
    await listener.onAssigned({ tasks: assignment.tasks, generation })
    onFirstAssignment()
    const end = await heartbeats.ended
    if (this.#left || end.type === 'stopped') return 'left'
    if (end.type === 'fatal') throw end.error
    if (end.type === 'rebalance') {
      await listener.onRevoked()
      this.#current = null
    } else {
      this.#current = null
      this.#memberId = ''
      await listener.onLost(end.reason)
    }
    heartbeats.stop()
    return this.#left ? 'left' : 'over'
  }

  async #fence(assignment: MemberAssignment): Promise<void> {
    const gone = new Set([...assignment.fence, ...goneTransactionalIds(this.#knowledge, assignment)])
    this.#knowledge = { owners: assignment.owners, transactionalIds: assignment.transactionalIds }
    const present = new Set(Object.values(assignment.transactionalIds).flat())
    const fence = [...gone].filter((id) => !present.has(id)).sort()
    if (fence.length > 0) await this.#options.beforeAssigned(fence)
  }

  /** Repeats until the member is part of a generation; null when it has left meanwhile. */
  async #joinAndSync(): Promise<Generation | null> {
    const backoff = new Backoff(20, 1000)
    while (!this.#left) {
      try {
        return await this.#attempt()
      } catch (error) {
        if (this.#left) return null
        if (error instanceof UnknownMemberError) this.#memberId = ''
        else if (!isPassing(error)) throw error
      }
      await pause(backoff.next(), this.#requests.cluster.closing)
    }
    return null
  }

  async #attempt(): Promise<Generation | null> {
    const joined = await this.#requests.join(this.#memberId, this.#metadata)
    this.#memberId = joined.memberId
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) return this.#attempt()
    const { generationId: generation, memberId } = joined
    const leads = joined.leader === memberId && !joined.skipAssignment
    const plan = leads ? planGroup(joined.members, this.#options.tasks, this.#knowledge) : []
    const assignment = await this.#requests.sync(memberId, generation, plan)
    if (this.#left) return null
    const { groupId, groupInstanceId } = this.#options
    this.#current = { groupId, memberId, generation, groupInstanceId }
    const interval = this.#options.heartbeatIntervalMs ?? Math.min(500, this.#sessionTimeoutMs / 10)
    const heartbeats = new Heartbeats(this.#requests, memberId, generation, interval)
    this.#heartbeats = heartbeats
    return { generation, heartbeats, memberAssignment: parseAssignment(assignment) }
  }

  async #sendLeave(): Promise<void> {
    const { groupId } = this.#options
    try {
      await withRetries({ action: `leave group ${groupId}`, timeoutMs: 5000 }, () =>
        this.#requests.leave(this.#memberId),
      )
    } catch (error) {
      // Nobody answers, or the group has expelled us already: the session timeout does the same.
      if (!(error instanceof GenerationOverError || isTransportFailure(error))) throw error
    }
  }

  get #sessionTimeoutMs(): number {
    return this.#options.sessionTimeoutMs ?? 10_000
  }
}

/** Another attempt may work. */
function isPassing(error: unknown): boolean {
  return error instanceof GenerationOverError || error instanceof TryAgain || isTransportFailure(error)
}

interface Generation {
  readonly generation: number
  readonly heartbeats: Heartbeats
  readonly memberAssignment: MemberAssignment
}
