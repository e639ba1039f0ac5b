import { goneTransactionalIds, NOTHING_KNOWN } from '../../runtime/assignment/group-knowledge.ts'
import type { AssignmentConfig, GroupKnowledge, MemberAssignment } from '../../runtime/assignment/types.ts'
import type { GroupMetadata } from '../../runtime/ports/log.ts'
import type {
  GroupMembership,
  MemberInfo,
  MembershipListener,
  MemberThreads,
  StateReport,
  TaskPartitions,
} from '../../runtime/ports/membership.ts'
import { type Deferred, deferred } from '../../state/deferred.ts'
import { ApplicationShutdownError, StreamsConfigError } from '../../state/ports/errors.ts'
import { decodeAssignment, encodeReport, planAssignments } from './group-plan.ts'
import { GenerationOverError, type GroupCoordinator, UnknownMemberError } from './group-requests.ts'
import { type GenerationEnd, Heartbeats } from './heartbeats.ts'
import { ErrorCode, isTransportFailure, KafkaConnectionError, messageOf } from './protocol-error.ts'
import { Backoff, REAL_TIMING, type Timing, TryAgain, withRetries } from './retry.ts'
import { nextProbe } from './warm-up-probe.ts'

export interface KafkaMembershipOptions {
  readonly groupId: string
  /** Static membership: a process that returns with the same id within the session timeout gets its tasks back at once. */
  readonly groupInstanceId: string | null
  readonly info: MemberInfo
  /** All tasks of the application, the same for every member. */
  readonly tasks: readonly TaskPartitions[]
  /** The address in a process's applicationServer; null: it is not trusted. Default: as announced. */
  readonly addressIn?: (processId: string, announced: string) => string | null
  /** Used only by the leader of the group. Default: no standbys, a lag of 10,000 is caught up, 2 warm-ups. */
  readonly assignment?: AssignmentConfig
  /** How long a provisional assignment is kept when no warm-up catches up, ms. Default 10 minutes. */
  readonly probingIntervalMs?: number
  /** After this time without a heartbeat the member is expelled, ms. */
  readonly sessionTimeoutMs: number
  /** Default a tenth of the session timeout, at most 500 ms. */
  readonly heartbeatIntervalMs?: number
  /** Called before each onAssigned with the transactional ids of members that are gone; resolves when they are fenced. */
  readonly beforeAssigned: (fence: readonly string[]) => Promise<void>
  /**
   * Transactional ids of the application's processes that are in a transaction, present members or not. The member asks when it has not
   * seen the generation before. Default: nobody knows any.
   */
  readonly transactionsInProgress?: () => Promise<readonly string[]>
  readonly timing?: Timing
}

/** Kafka Streams has the same defaults. */
export const DEFAULT_ASSIGNMENT: AssignmentConfig = {
  standbyReplicas: 0,
  acceptableRecoveryLag: 10_000,
  maxWarmupReplicas: 2,
}

/** A member that wants all to stop stays this long, ms, to tell those that missed it. */
const LINGER_MS = 1500

/** The request of a member that wants all members to stop. */
interface ShutdownRequest {
  readonly reason: string
  /** Resolves when the group has planned its last generation. */
  readonly told: Deferred<void>
}

interface Generation {
  /** The member came without an id: a static one may have got the plan for the previous process. */
  readonly isOfBefore: boolean
  /** The member was not in the generation before. */
  readonly isStranger: boolean
  /** The member has asked all to stop, if it wants that. */
  readonly isShutdownSaid: boolean
  /** The member said this of itself when it joined. */
  readonly info: MemberInfo
  /** The report that the member sent when it joined. */
  readonly report: StateReport
  readonly assignment: MemberAssignment
  readonly heartbeats: Heartbeats
}

/*
 * A member of a classic consumer group, cooperative: it keeps its tasks while it joins, and gives up what an assignment took away.
 * 1. The life is one loop: report, join, sync, fence, onAssigned, wait for a reason to join again. So onAssigned and onLost are
 *    called one at a time.
 * 2. Heartbeats of a generation go on until the join after it is answered.
 * 3. #current is that of the old generation until the new assignment is there, as long as offsets may be committed at all.
 *    A commit that meets the coordinator in between waits for it (next-generation.ts).
 * 4. Transactional ids of members that are gone are fenced by everybody who remembers them, before any task is opened. A member that was
 *    not in the generation before asks the brokers: of a group that died as a whole nobody remembers anything.
 * 5. A task goes through two generations when it moves: released after the first, whose member joins again at once; opened by
 *    the other in the second.
 * 6. A member that wants the application to stop says so at every join until it leaves. The leader's plan is then the last: all keep
 *    what they have, and stop.
 * 7. A member that missed a generation (it did not join in time, and the group went on with what it had said before) may have lost
 *    its tasks to others in it: it drops them before it takes part again.
 * 8. A static member that comes back gets the assignment of before. Tasks that its past was to release wait for the join that it
 *    can not send any more, tasks of topics that have come meanwhile are nobody's, those of topics that are gone are nothing, and nobody knows the ids of threads that it has more
 *    than before: the member asks for another plan in its place, in words that are news to the coordinator.
 * 9. An assignment carries the number of threads that the member named in the join before it: whoever plans knows the transactional ids
 *    of those threads, so that all members can fence them.
 */
export class KafkaMembership implements GroupMembership {
  readonly #options: KafkaMembershipOptions
  readonly #coordinator: GroupCoordinator
  readonly #timing: Timing
  #memberId = ''
  #current: GroupMetadata | null = null
  #heartbeats: Heartbeats | null = null
  #knowledge: GroupKnowledge = NOTHING_KNOWN
  #left = false
  /** Invariant 8. */
  #asksAgain = false
  #shutdown: ShutdownRequest | null = null
  #info: MemberInfo
  /** Resolves when the member has something new to say. */
  #news = deferred<GenerationEnd>()

  constructor(coordinator: GroupCoordinator, options: KafkaMembershipOptions) {
    this.#coordinator = coordinator
    this.#options = options
    this.#info = options.info
    this.#timing = options.timing ?? REAL_TIMING
  }

  /** Rejects when the group refuses the member before its first assignment; afterwards such errors go to onFatal. */
  join(listener: MembershipListener): Promise<void> {
    const { promise, resolve, reject } = deferred<void>()
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

  /** Any member may have planned it, so its data about others is as good as their own. */
  #known(assignment: MemberAssignment): GroupKnowledge {
    const { addressIn } = this.#options
    if (addressIn === undefined) return assignment
    const endpoints = Object.entries(assignment.endpoints).map(
      ([processId, announced]) => [processId, announced === null ? null : addressIn(processId, announced)] as const,
    )
    return { ...assignment, endpoints: Object.fromEntries(endpoints) }
  }

  update(threads: MemberThreads): void {
    this.#info = { ...this.#info, ...threads }
    this.#saySoon()
  }

  #saySoon(): void {
    this.#news.resolve({ type: 'rebalance' })
    this.#news = deferred<GenerationEnd>()
  }

  async shutDownApplication(reason: string): Promise<void> {
    const told = deferred<void>()
    this.#shutdown = { reason, told }
    this.#saySoon()
    const { groupId, sessionTimeoutMs } = this.#options
    const tooLate = this.#timing.pause(sessionTimeoutMs + 5000, this.#coordinator.closing).then(() => {
      throw new KafkaConnectionError(`group ${groupId} could not be told to stop: no rebalance was completed`)
    })
    await Promise.race([told.promise, tooLate])
    await this.#timing.pause(LINGER_MS, this.#coordinator.closing)
  }

  async leave(): Promise<void> {
    if (this.#left) return
    this.#left = true
    this.#current = null
    this.#heartbeats?.stop()
    const known = this.#memberId !== '' || this.#options.groupInstanceId !== null
    if (known) await this.#sendLeave()
    await this.#coordinator.close()
  }

  async stop(): Promise<void> {
    await this.close()
  }

  /** Ends without leaving, as a crash would: a static member keeps its tasks until the session times out. */
  async close(): Promise<void> {
    this.#left = true
    this.#current = null
    this.#heartbeats?.stop()
    await this.#coordinator.close()
  }

  async #live(listener: MembershipListener, onFirstAssignment: () => void): Promise<void> {
    while (!this.#left) {
      const generation = await this.#joinAndSync(listener)
      if (generation === null) return
      const { assignment, isStranger } = generation
      if (assignment.refused !== null) throw new StreamsConfigError(assignment.refused)
      await this.#fence(assignment, isStranger)
      if (this.#left) return
      await listener.onAssigned({
        active: assignment.active,
        standby: assignment.standby,
        known: this.#known(assignment),
        threads: generation.info.threads,
      })
      if (assignment.shutdown !== undefined) {
        if (this.#shutdown === null) throw new ApplicationShutdownError(assignment.shutdown)
        this.#shutdown.told.resolve()
      }
      onFirstAssignment()
      const end = await this.#reasonToJoin(listener, generation)
      if (this.#left || end.type === 'stopped') return
      if (end.type === 'fatal') throw end.error
      if (end.type === 'lost') await this.#lost(listener, end.reason)
    }
  }

  /** Invariant 5, a heartbeat's answer, or a warm-up that has caught up. */
  async #reasonToJoin(
    listener: MembershipListener,
    { report, info, assignment, heartbeats, isShutdownSaid, isOfBefore }: Generation,
  ): Promise<GenerationEnd> {
    if (this.#shutdown !== null) return isShutdownSaid ? await heartbeats.ended : { type: 'rebalance' }
    if (info !== this.#info) return { type: 'rebalance' }
    const news = this.#news.promise
    const { owners, successors = {} } = assignment
    const { tasks } = this.#options
    const isOfOldTopics =
      tasks.some(({ taskId }) => !(taskId in owners) && !(taskId in successors)) ||
      Object.keys(owners).some((id) => tasks.every(({ taskId }) => taskId !== id))
    const known = assignment.transactionalIds[info.processId] ?? []
    const isOfOldThreads = info.transactionalIds.some((id) => !known.includes(id))
    if (isOfBefore && (Object.keys(successors).length > 0 || isOfOldTopics || isOfOldThreads)) {
      this.#asksAgain = true
      return { type: 'rebalance' }
    }
    if (report.active.some((taskId) => !assignment.active.includes(taskId))) return { type: 'rebalance' }
    if (!assignment.isProvisional) return await Promise.race([heartbeats.ended, news])
    const probing = new AbortController()
    const { acceptableRecoveryLag } = this.#options.assignment ?? DEFAULT_ASSIGNMENT
    const probe = nextProbe({
      standby: assignment.standby,
      lags: report.lags,
      acceptableLag: acceptableRecoveryLag,
      report: () => listener.report(),
      intervalMs: this.#options.probingIntervalMs ?? 600_000,
      signal: probing.signal,
      timing: this.#timing,
    })
    const end = await Promise.race([heartbeats.ended, news, probe.then((): GenerationEnd => ({ type: 'rebalance' }))])
    probing.abort()
    return end
  }

  async #lost(listener: MembershipListener, reason: string): Promise<void> {
    this.#heartbeats?.stop()
    this.#current = null
    this.#memberId = ''
    await listener.onLost(reason)
  }

  /** Invariant 4. */
  async #fence(assignment: MemberAssignment, isStranger: boolean): Promise<void> {
    const { processId, transactionalIds } = this.#info
    // A static member that came back with fewer threads is still known by its former ids.
    const present = new Set(Object.values({ ...assignment.transactionalIds, [processId]: transactionalIds }).flat())
    const inProgress = isStranger ? await this.#options.transactionsInProgress?.() : undefined
    const gone = new Set([
      ...(inProgress ?? []),
      ...assignment.fence,
      ...goneTransactionalIds(this.#knowledge, assignment),
      ...(assignment.transactionalIds[processId] ?? []),
    ])
    this.#knowledge = assignment
    const fence = [...gone].filter((id) => !present.has(id)).sort()
    if (fence.length > 0) await this.#options.beforeAssigned(fence)
  }

  /** Repeats until the member is part of a generation; null when it has left in the meantime. */
  async #joinAndSync(listener: MembershipListener): Promise<Generation | null> {
    const backoff = new Backoff(20, 1000, this.#timing)
    while (!this.#left) {
      try {
        return await this.#attempt(listener, await listener.report())
      } catch (error) {
        if (this.#left) return null
        if (error instanceof UnknownMemberError) await this.#lost(listener, error.message)
        else if (!isPassing(error)) throw error
      }
      await this.#timing.pause(backoff.next(), this.#coordinator.closing)
    }
    return null
  }

  async #attempt(listener: MembershipListener, report: StateReport): Promise<Generation | null> {
    const { groupId, groupInstanceId, tasks, sessionTimeoutMs } = this.#options
    const info = this.#info
    const shutdown = this.#shutdown?.reason
    const isOfBefore = this.#memberId === ''
    const asks = { ...(shutdown !== undefined && { shutdown }), ...(this.#asksAgain && { again: true as const }) }
    const said = { ...info, ...report, ...asks }
    const joined = await this.#coordinator.join(this.#memberId, encodeReport(said, tasks))
    this.#memberId = joined.memberId
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) return this.#attempt(listener, report)
    // Invariant 2.
    this.#heartbeats?.stop()
    const { generationId: generation, memberId } = joined
    const leads = joined.leader === memberId && !joined.skipAssignment
    const config = this.#options.assignment ?? DEFAULT_ASSIGNMENT
    const plan = leads ? planAssignments(joined.members, tasks, config, this.#knowledge) : []
    const assignment = await this.#coordinator.sync(memberId, generation, plan)
    if (this.#left) return null
    const intervalMs = this.#options.heartbeatIntervalMs ?? Math.min(500, sessionTimeoutMs / 10)
    this.#heartbeats = new Heartbeats(this.#coordinator, memberId, generation, { intervalMs, timing: this.#timing })
    if (this.#current !== null && generation > this.#current.generation + 1) {
      // Invariant 7. A commit that waits for the new generation must not get it.
      const before = this.#current.generation
      this.#current = null
      await listener.onLost(`generation ${generation} came after ${before}`)
      if (this.#left) return null
    }
    const isStranger = this.#current === null
    this.#current = { groupId, memberId, generation, groupInstanceId }
    this.#asksAgain = false
    const isShutdownSaid = shutdown !== undefined
    return {
      report,
      assignment: decodeAssignment(assignment),
      heartbeats: this.#heartbeats,
      info,
      isShutdownSaid,
      isOfBefore,
      isStranger,
    }
  }

  async #sendLeave(): Promise<void> {
    const { groupId } = this.#options
    try {
      const action = `leave group ${groupId}`
      const left = withRetries({ action, timeoutMs: LEAVE_TIMEOUT_MS, timing: this.#timing }, () =>
        this.#coordinator.leave(this.#memberId),
      )
      // An attempt may take longer than all of them should. close() ends it.
      const tooLate = this.#timing.pause(LEAVE_TIMEOUT_MS, this.#coordinator.closing).then(() => {
        throw new KafkaConnectionError(`${action}: no answer within ${LEAVE_TIMEOUT_MS} ms`)
      })
      await Promise.race([left, tooLate])
    } catch (error) {
      // Nobody answers, or the group has expelled us already: the session timeout does the same.
      if (!(error instanceof GenerationOverError || isTransportFailure(error))) throw error
    }
  }
}

/** How long leaving may take: who does not leave is expelled when the session times out. */
const LEAVE_TIMEOUT_MS = 5000

/** Another attempt may work. */
function isPassing(error: unknown): boolean {
  return error instanceof GenerationOverError || error instanceof TryAgain || isTransportFailure(error)
}
