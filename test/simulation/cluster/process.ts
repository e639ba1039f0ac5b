import { KafkaMembership } from '../../../infra/kafka/kafka-membership.ts'
import type { ClusterPlan } from '../../../runtime/instance/cluster-plan.ts'
import { RunningInstance } from '../../../runtime/instance/running-instance.ts'
import { topologyFingerprint } from '../../../runtime/instance/topology-fingerprint.ts'
import { BrokerError } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { MemoryReader } from '../../../runtime/memory/memory-reader.ts'
import { MemoryWriter } from '../../../runtime/memory/memory-writer.ts'
import { LostError } from '../../../runtime/memory/network.ts'
import type { Clock } from '../../../runtime/ports/clock.ts'
import type { LogAdmin } from '../../../runtime/ports/log.ts'
import type { GroupMembership, MembershipListener } from '../../../runtime/ports/membership.ts'
import { parseTaskId } from '../../../runtime/task/task-id.ts'
import { LocalThread } from '../../../runtime/thread/local-thread.ts'
import type { TaskPosition } from '../../../runtime/thread/thread-control.ts'
import { backendOptions, createStore } from '../../../state/create-store.ts'
import type { BackendFactory } from '../../../state/ports/backend.ts'
import type { ClusterWorld } from './cluster-world.ts'
import { CoordinatorClient } from './coordinator-client.ts'
import type { SimulatedDisk } from './disk.ts'
import { transactionalIdOf } from './referee.ts'

export interface ProcessOptions {
  readonly world: ClusterWorld
  readonly layout: ClusterPlan
  readonly client: string
  readonly processId: string
  readonly threads: number
  readonly disk: SimulatedDisk
  readonly leftOver: readonly TaskPosition[]
}

const RETRY_MS = 5

/**
 * One run of the program from start to death: what infra/streams/start-app.ts puts together, with the real membership, instance
 * and threads, on the in-memory cluster. Its state directory is a SimulatedDisk.
 */
export class SimulatedProcess {
  readonly client: string
  readonly processId: string
  readonly membership: GroupMembership
  readonly instance: RunningInstance
  /** Resolves when it has ended by itself: null after close(). */
  readonly ended: Promise<Error | null>
  /** Transactional ids of processes that it has been in a generation with, in the run they are in: it must fence them when they vanish. */
  readonly known = new Set<string>()
  /** Most threads that the group has heard of in this run. */
  announcedThreads: number
  /** Its last start, pause or cut. */
  disturbedAt: number
  readonly #options: ProcessOptions

  constructor(options: ProcessOptions) {
    const { world, layout, client, processId, disk } = options
    this.#options = options
    this.client = client
    this.processId = processId
    this.disturbedAt = world.scheduler.now
    this.announcedThreads = options.threads
    const { scheduler, random, mutants } = world
    const clock = scheduler.clock(client)
    const onViolation = (what: string): void => world.violate(what)
    const backends = disk.mountedBy({ client, scheduler, random, onViolation })
    const plain = new MemoryAdmin({ cluster: world.cluster, network: scheduler, clock, client })
    const admin = mutants.admin?.(plain, disk, world) ?? plain
    const idOf = (index: number): string => transactionalIdOf(processId, index)
    const ids = Array.from({ length: options.threads }, (_, index) => idOf(index))
    const member = new KafkaMembership(
      new CoordinatorClient({ coordinator: world.coordinator, network: scheduler, client, instanceId: processId }),
      {
        groupId: world.plan.applicationId,
        groupInstanceId: processId,
        info: {
          processId,
          applicationServer: null,
          threads: options.threads,
          transactionalIds: ids,
          topology: topologyFingerprint(world.plan),
        },
        tasks: layout.tasks,
        assignment: world.settings.assignment,
        sessionTimeoutMs: world.settings.sessionTimeoutMs,
        probingIntervalMs: 2000,
        beforeAssigned: (fence) => (mutants.fencesNobody === true ? Promise.resolve() : this.#fence(fence, clock)),
        transactionsInProgress: () => this.#transactionsInProgress(),
        timing: {
          monotonic: () => clock.monotonic(),
          pause: (ms, signal) => pause(clock, ms, signal),
          random: () => random.next(),
        },
      },
    )
    const told: GroupMembership = {
      join: (listener) => member.join(this.#listening(listener)),
      current: () => member.current(),
      update: (threads) => member.update(threads),
      shutDownApplication: (reason) => member.shutDownApplication(reason),
      leave: () => member.leave(),
      stop: () => member.stop(),
    }
    this.membership = told
    this.instance = new RunningInstance({
      plan: world.plan,
      tasks: layout.tasks,
      processId,
      clock,
      threads: ids.length,
      transactions: { idOf, abort: (id) => this.#fence([id], clock) },
      newThread: (index) => this.#thread(idOf(index), index, clock, admin, backends),
      membership: told,
      admin: plain,
      leftOver: options.leftOver,
    })
    this.ended = this.#run()
  }

  async #run(): Promise<Error | null> {
    const { instance } = this
    try {
      await instance.start()
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
    return await instance.stopped
  }

  #thread(id: string, index: number, clock: Clock, admin: LogAdmin, backends: BackendFactory): LocalThread {
    const { world, layout, client } = this.#options
    const { cluster, scheduler, random, mutants } = world
    const writerOptions = { cluster, clock, client, network: scheduler, transactionalId: id }
    const newReader = (): MemoryReader =>
      new MemoryReader({
        cluster,
        clock,
        client,
        network: scheduler,
        isolation: 'read_committed',
        maxBatches: () => 1 + random.below(4),
      })
    return new LocalThread({
      index,
      plan: world.plan,
      config: world.settings.streams,
      partitions: layout.partitions,
      clock,
      reader: newReader(),
      newRestoreReader: newReader,
      writer: mutants.writer?.(writerOptions) ?? new MemoryWriter(writerOptions),
      admin,
      openStore: async (taskId, spec, context) => {
        const store = createStore(spec, await backends.open(taskId, spec.name, backendOptions(spec)), context)
        return mutants.store?.(store) ?? store
      },
      onEvent: (event) => {
        if (event.type !== 'recovered') return
        world.note(`${client}/${index} recovers from ${event.error}`)
        world.report.recoveries++
      },
    })
  }

  #listening(listener: MembershipListener): MembershipListener {
    const { world, client } = this.#options
    return {
      report: () => listener.report(),
      onLost: async (reason) => {
        world.note(`${client} lost its tasks: ${reason}`)
        await listener.onLost(reason)
      },
      onFatal: (error) => listener.onFatal(error),
      onAssigned: async (assignment) => {
        const { active, standby } = assignment
        world.note(`${client} gets ${active.join(' ')}; follows ${standby.join(' ')}`)
        world.report.rebalances++
        world.report.standbys += standby.length
        this.announcedThreads = Math.max(this.announcedThreads, assignment.threads ?? 0)
        for (const id of world.announcedIds(world.coordinator.instanceIds)) this.known.add(id)
        if (world.mutants.releasesAtOnce === true) void listener.onAssigned(assignment)
        else await listener.onAssigned(assignment)
        world.note(`${client} has released what goes`)
      },
    }
  }

  /** A lost answer is none: those transactions end with their timeout. */
  async #transactionsInProgress(): Promise<readonly string[]> {
    const { world, client } = this.#options
    try {
      return await world.scheduler.call(client, 'list transactions', () => world.cluster.transactionsInProgress())
    } catch (error) {
      if (!(error instanceof LostError || error instanceof BrokerError)) throw error
      return []
    }
  }

  async #fence(ids: readonly string[], clock: Clock): Promise<void> {
    const { world, client } = this.#options
    for (const id of ids) {
      for (;;) {
        try {
          await world.scheduler.call(client, 'fence', () => world.cluster.initProducerId(id))
          break
        } catch (error) {
          if (!(error instanceof LostError || error instanceof BrokerError)) throw error
          await clock.sleep(RETRY_MS)
        }
      }
    }
    world.report.fenced += ids.length
  }
}

/** The contents of a state directory when the program starts. */
export async function leftOverOn(disk: SimulatedDisk, world: ClusterWorld): Promise<readonly TaskPosition[]> {
  return await Promise.all(
    [...disk.taskIds].map(async (taskId) => {
      const { subtopology, partition } = parseTaskId(taskId)
      const stores = world.plan.subtopologies.find(({ id }) => id === subtopology)?.stores ?? []
      const changelogs: { topic: string; partition: number; position: number }[] = []
      for (const { spec, changelogTopic } of stores) {
        if (changelogTopic === null) continue
        const backend = await disk.files.open(taskId, spec.name, { keyIndex: false })
        changelogs.push({ topic: changelogTopic, partition, position: backend.position() ?? 0 })
      }
      return { taskId, changelogs }
    }),
  )
}

async function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return
  const aborted = new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }))
  await Promise.race([clock.sleep(ms), aborted])
}
