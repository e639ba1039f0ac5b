/*
 * Members of a group exchange these messages when tasks are assigned. They are plain data and travel as JSON in the user data of
 * JoinGroup and SyncGroup. Fields are only ever added.
 */

/** A member tells the group this at every join. */
export interface MemberReport {
  readonly processId: string
  /** host:port of its HTTP server, for queries from other instances. */
  readonly applicationServer: string | null
  readonly threads: number
  /** Rack or zone of the process (client.rack): standbys of a task prefer other racks than its other copies. */
  readonly rack?: string
  /** Ids of all its stream threads. A process that takes over a vanished member's tasks fences these first. */
  readonly transactionalIds: readonly string[]
  /** Fingerprint of the topology: members of one group must run the same. */
  readonly topology: string
  /** Active tasks it owns now, open or still opening. */
  readonly active: readonly string[]
  /** Other tasks whose state it holds (standby, warm-up, left over on disk) -> changelog records it is behind. */
  readonly lags: Readonly<Record<string, number>>
  /** Why all members of the application shall stop; absent: they shall not. */
  readonly shutdown?: string
  /**
   * The member came back in the middle of a move. It says no more, because a join with changed data makes the coordinator
   * rebalance.
   */
  readonly again?: true
}

/** Kafka Streams has settings with the same names and meaning. */
export interface AssignmentConfig {
  /** num.standby.replicas */
  readonly standbyReplicas: number
  /** acceptable.recovery.lag: a member that is behind by at most so many records counts as caught up. */
  readonly acceptableRecoveryLag: number
  /** max.warmup.replicas: extra standbys at a time that prepare moves. */
  readonly maxWarmupReplicas: number
}

/** A task to assign. */
export interface AssignableTask {
  /** `<subtopology>_<partition>` */
  readonly taskId: string
  /** The task has a changelog: it can have standbys, and moves only to a process that has caught up. */
  readonly isStateful: boolean
}

/** Every member of a generation gets to know this about it. */
export interface GroupKnowledge {
  /** Active task -> process id. */
  readonly owners: Readonly<Record<string, string>>
  /** Task -> process ids with a standby of it. */
  readonly standbys: Readonly<Record<string, readonly string[]>>
  /** Process id -> its transactional ids. */
  readonly transactionalIds: Readonly<Record<string, readonly string[]>>
  /** Process id -> its application server. */
  readonly endpoints: Readonly<Record<string, string | null>>
  /** Task that nobody has, as its owner has yet to release it -> process id that gets it in the next generation. */
  readonly successors?: Readonly<Record<string, string>>
}

/** The share of one member. */
export interface MemberAssignment extends GroupKnowledge {
  readonly active: readonly string[]
  /** Standbys and warm-ups alike. */
  readonly standby: readonly string[]
  /** Transactional ids of members that are gone: to be fenced before any task is opened. */
  readonly fence: readonly string[]
  /** Some move waits for a standby to catch up: join again when one of yours has, or after the probing interval. */
  readonly isProvisional: boolean
  /** Why the member cannot take part: the newer member stops with it. null = it can. */
  readonly refused: string | null
  /** Some member wants all to stop, and why: stop after the last commit in this generation. */
  readonly shutdown?: string
}
