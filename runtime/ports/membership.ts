import type { GroupMetadata, TopicPartition } from './log.ts'

/** What an assignment brings: the tasks this process owns from now on. */
export interface Assignment {
  /** `<subtopology>_<partition>` */
  readonly tasks: readonly string[]
  readonly generation: number
}

/** The instance's side. The membership calls these one at a time and waits for each. */
export interface MembershipListener {
  /**
   * A rebalance began: settle the last commit, release every task, then resolve (design invariant 5).
   * Fetching from the tasks' partitions has stopped when it resolves.
   */
  onRevoked(): Promise<void>
  /** Tasks to open. Called after every completed rebalance, also when nothing changed. */
  onAssigned(assignment: Assignment): Promise<void>
  /** The member was fenced or expelled: drop the tasks without committing. A rejoin follows. */
  onLost(reason: string): Promise<void>
  /** The membership cannot go on (authorisation, fenced instance id). The instance must stop. */
  onFatal(error: Error): void
}

/** Everything a member tells the group's leader. */
export interface MemberInfo {
  readonly processId: string
  /** Of all its stream threads: whoever takes over a vanished member's tasks fences these first. */
  readonly transactionalIds: readonly string[]
  readonly threads: number
  readonly applicationServer: string | null
}

/**
 * A real member of the consumer group `application.id`. Heartbeats run on their own, outside the stream threads.
 */
export interface GroupMembership {
  /** Joins, and keeps the member alive until leave(). Resolves when the first assignment has been handed over. */
  join(listener: MembershipListener): Promise<void>
  /** Current member id and generation; null while a rebalance is under way or after being lost. */
  current(): GroupMetadata | null
  /** Leaves the group at once (does not call onRevoked). */
  leave(): Promise<void>
}

/** Tasks and the source partitions each reads; the leader assigns them. */
export interface TaskPartitions {
  readonly taskId: string
  readonly partitions: readonly TopicPartition[]
}
