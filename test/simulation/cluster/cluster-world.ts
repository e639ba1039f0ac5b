import type { AssignmentConfig } from '../../../runtime/assignment/types.ts'
import { type ClusterPlan, layOverCluster } from '../../../runtime/instance/cluster-plan.ts'
import { DEFAULT_STREAMS_CONFIG, type StreamsConfig } from '../../../runtime/instance/streams-config.ts'
import { MemoryGroupCoordinator } from '../../../runtime/memory/group-coordinator.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import type { MemoryWriterOptions } from '../../../runtime/memory/memory-writer.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'
import { PartitionLog } from '../../../runtime/memory/partition-log.ts'
import type { LogAdmin, LogWriter } from '../../../runtime/ports/log.ts'
import { type Faults, Scheduler } from '../../../runtime/simulation/scheduler.ts'
import { SimulatedLog } from '../../../runtime/simulation/simulated-log.ts'
import type { ManagedStore } from '../../../state/ports/managed-store.ts'
import type { Plan } from '../../../topology/plan.ts'
import type { Random } from '../../support/random.ts'
import type { SimulatedDisk } from './disk.ts'
import { Machine } from './machine.ts'
import { processOf, transactionalIdOf, WatchedCluster } from './referee.ts'

/** Bugs planted on purpose, from outside. */
export interface ClusterMutants {
  readonly writer?: (options: MemoryWriterOptions) => LogWriter
  readonly newLog?: () => PartitionLog
  readonly newCluster?: (...given: ConstructorParameters<typeof WatchedCluster>) => WatchedCluster
  readonly store?: (store: ManagedStore) => ManagedStore
  readonly admin?: (admin: LogAdmin, disk: SimulatedDisk, world: ClusterWorld) => LogAdmin
  /** The ids of vanished members are left alone. */
  readonly fencesNobody?: boolean
  /** The group learns that tasks are released before they are. */
  readonly releasesAtOnce?: boolean
}

export interface ClusterSettings {
  readonly machines: number
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly assignment: AssignmentConfig
  readonly streams: StreamsConfig
}

/** Counts of events, so that a test can require that they happened. */
export interface Happenings {
  crashes: number
  wipes: number
  pauses: number
  cuts: number
  leaves: number
  skews: number
  /** Threads added and removed while processes ran. */
  threadChanges: number
  rebalances: number
  /** Standbys handed out, over all assignments. */
  standbys: number
  /** Transactional ids of vanished members. */
  fenced: number
  recoveries: number
  /** Transactions that no member could know, aborted by the coordinator. */
  timeouts: number
}

/** Much longer than any takeover. */
const TRANSACTION_TIMEOUT_MS = 10_000
/** A process that has been well for so long has fenced the processes it must. */
const LONG_ENOUGH_MS = 8000

export interface ClusterWorldOptions {
  readonly random: Random
  readonly plan: Plan
  readonly topics: readonly { readonly name: string; readonly partitions: number }[]
  readonly faults: Faults
  readonly mutants: ClusterMutants
  readonly settings: Omit<ClusterSettings, 'streams'>
  /** Called with each event, step by step. */
  readonly onEvent?: ((line: string) => void) | undefined
}

/**
 * A cluster, a group coordinator and some machines with a disk each. What happens to them is decided by the simulation; the order
 * of everything else by the scheduler.
 */
export class ClusterWorld extends SimulatedLog {
  declare readonly cluster: WatchedCluster
  readonly random: Random
  readonly mutants: ClusterMutants
  readonly settings: ClusterSettings
  readonly coordinator: MemoryGroupCoordinator
  readonly machines: readonly Machine[]
  readonly onEvent: ((line: string) => void) | undefined
  readonly report: Happenings = {
    crashes: 0,
    wipes: 0,
    pauses: 0,
    cuts: 0,
    leaves: 0,
    skews: 0,
    threadChanges: 0,
    rebalances: 0,
    standbys: 0,
    fenced: 0,
    recoveries: 0,
    timeouts: 0,
  }
  readonly #violations: string[] = []

  constructor({ random, plan, topics, faults, mutants, settings, onEvent }: ClusterWorldOptions) {
    const scheduler = new Scheduler(random, faults)
    const newCluster = mutants.newCluster ?? ((...given) => new WatchedCluster(...given))
    super(plan, scheduler, newCluster(scheduler, mutants.newLog ?? (() => new PartitionLog())))
    this.random = random
    this.mutants = mutants
    this.cluster.now = () => scheduler.now
    this.onEvent = onEvent
    this.cluster.onEvent = (what) => this.note(what)
    for (const topic of topics) this.cluster.createTopic({ ...topic, config: {} })
    const { applicationId } = plan
    this.settings = {
      ...settings,
      streams: {
        ...DEFAULT_STREAMS_CONFIG,
        applicationId,
        sessionTimeoutMs: settings.sessionTimeoutMs,
        deserializationExceptionHandler: 'dead-letter',
        deadLetterTopic: `${applicationId}.dlq`,
        // Small enough that epochs end in the middle of things.
        maxEpochBytes: 2000,
        maxBufferedBytesPerPartition: 1500,
      },
    }
    this.coordinator = new MemoryGroupCoordinator({
      cluster: this.cluster,
      clock: scheduler.clock('coordinator'),
      groupId: applicationId,
      sessionTimeoutMs: settings.sessionTimeoutMs,
      rebalanceTimeoutMs: settings.rebalanceTimeoutMs,
    })
    this.machines = Array.from({ length: settings.machines }, (_, index) => new Machine(this, index))
  }

  /** Laying out the topics is not under test: it goes over an ideal network. */
  async layOut(): Promise<ClusterPlan> {
    const clock = this.scheduler.clock('setup')
    const admin = new MemoryAdmin({ cluster: this.cluster, network: IDEAL_NETWORK, clock, client: 'setup' })
    return await layOverCluster(this.plan, admin, [`${this.plan.applicationId}.dlq`])
  }

  note(what: string): void {
    this.onEvent?.(`${this.scheduler.steps} ${this.scheduler.now % 10_000_000} ${what}`)
  }

  violate(what: string): void {
    this.note(`VIOLATION ${what}`)
    this.#violations.push(what)
  }

  get violations(): readonly string[] {
    return [...this.#violations, ...this.cluster.violations]
  }

  /** Each store on each disk equals the fold of its committed changelog up to the position it claims. */
  async diskDifferences(): Promise<string[]> {
    const differences: string[] = []
    for (const { name, disk } of this.machines) {
      for (const difference of await this.storeDifferencesOn(disk.files)) differences.push(`${name}: ${difference}`)
    }
    return differences
  }

  /** No task runs in two processes that are both of the newest generation. */
  async checkOwners(): Promise<void> {
    const owners = new Map<string, string>()
    for (const { process } of this.machines) {
      if (process?.membership.current()?.generation !== this.coordinator.generation) continue
      for (const { taskId, state } of await process.instance.tasks()) {
        if (state !== 'running') continue
        const other = owners.get(taskId)
        if (other !== undefined) this.violate(`${taskId} runs in ${other} and ${process.client}`)
        owners.set(taskId, process.client)
      }
    }
  }

  /** A new run of that process: who is not in a generation with it cannot know what it leaves open. */
  comesAnew(processId: string): void {
    for (const { process } of this.machines) {
      for (const id of process?.known ?? []) if (processOf(id) === processId) process?.known.delete(id)
    }
  }

  /** Transactional ids that those processes have told the group. */
  announcedIds(processIds: readonly string[]): string[] {
    const processes = this.machines.flatMap(({ process }) => (process === null ? [] : [process]))
    return processes
      .filter(({ processId }) => processIds.includes(processId))
      .flatMap(({ processId, announcedThreads }) =>
        Array.from({ length: announcedThreads }, (_, index) => transactionalIdOf(processId, index)),
      )
  }

  /** Acts as the coordinator does; a transaction that a living process should have fenced long ago is a violation. */
  timeOutTransactions(): void {
    const { now } = this.scheduler
    for (const [id, since] of [...this.cluster.openSince]) {
      if (now - since < TRANSACTION_TIMEOUT_MS) continue
      const owner = processOf(id)
      const knower = this.machines.find(
        ({ process, isWell }) =>
          isWell &&
          process !== null &&
          process.processId !== owner &&
          process.known.has(id) &&
          now - process.disturbedAt > LONG_ENOUGH_MS,
      )
      if (knower !== undefined) this.violate(`${id} was left open, though ${knower.name} knew of it`)
      this.report.timeouts++
      try {
        this.cluster.initProducerId(id)
      } catch {
        // Its markers are being written.
      }
    }
  }
}
