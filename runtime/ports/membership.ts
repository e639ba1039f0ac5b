import type { AssignableTask, GroupKnowledge, MemberReport } from '../assignment/types.ts'
import type { GroupMetadata, TopicPartition } from './log.ts'

/** The tasks that this process has after an assignment. */
export interface Assignment {
  /** `<subtopology>_<partition>` */
  readonly active: readonly string[]
  /** Tasks whose stores are to be kept up to date. */
  readonly standby: readonly string[]
  /** Owners of all tasks of the group. Absent: nothing is known about other members. */
  readonly known?: GroupKnowledge
  /** Stream threads that this process had named to the group when it joined. Absent: all it has. */
  readonly threads?: number
}

/** The tasks and state that the instance holds at this moment. */
export interface StateReport {
  /** Active tasks it owns, open or still opening. */
  readonly active: readonly string[]
  /** Other tasks whose state it holds (standby, or left over on disk) -> changelog records it is behind. */
  readonly lags: Readonly<Record<string, number>>
}

/** The instance's side. The membership calls onAssigned and onLost one at a time and waits for each. */
export interface MembershipListener {
  /** Called before each join, and from time to time. Tasks continue during the call. */
  report(): Promise<StateReport>
  /**
   * Called after every completed rebalance, also when nothing changed. current() has moved on to the new generation. Resolves when
   * every active task that is not assigned any more has been released, its last commit settled (architecture 5);
   * tasks that stay keep running, new ones are opened behind the caller's back.
   */
  onAssigned(assignment: Assignment): Promise<void>
  /** The member was fenced or expelled: drop the active tasks without a commit. A rejoin follows. */
  onLost(reason: string): Promise<void>
  /** The membership cannot continue (authorisation, fenced instance id, another topology). The instance must stop. */
  onFatal(error: Error): void
}

/** The part of a member's report that does not follow from its tasks. */
export type MemberInfo = Omit<MemberReport, keyof StateReport>

/** The stream threads of a process, as the group knows them. */
export type MemberThreads = Pick<MemberInfo, 'threads' | 'transactionalIds'>

/** A member of the consumer group `application.id`. Its heartbeats run by themselves, outside the stream threads. */
export interface GroupMembership {
  /** Joins, and keeps the member alive until leave(). Resolves when the first assignment has been passed on. */
  join(listener: MembershipListener): Promise<void>
  /**
   * Member id and generation for offset commits: during a rebalance still those of the old generation, until the new assignment
   * comes. null before the first one and after the member was lost.
   */
  current(): GroupMetadata | null
  /** Tells the group of other stream threads: the member joins again at once, and an assignment with that number follows. */
  update(threads: MemberThreads): void
  /**
   * Asks all members to stop. Each other member gets onFatal(ApplicationShutdownError). Resolves when they have been informed and
   * had time to react; rejects when that takes a little longer than the session timeout. The caller still calls leave().
   */
  shutDownApplication(reason: string): Promise<void>
  /** Leaves the group at once; the listener gets no more calls. */
  leave(): Promise<void>
  /** Ends without leaving: a static member keeps its tasks until the session times out. The listener gets no more calls. */
  stop(): Promise<void>
}

/** Tasks and the source partitions each reads; the leader assigns them. */
export interface TaskPartitions extends AssignableTask {
  readonly partitions: readonly TopicPartition[]
}
