import { memoryBackends } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import type { BackendFactory } from '../../state/ports/backend.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import type { Plan } from '../../topology/plan.ts'
import { layOverCluster } from '../instance/cluster-plan.ts'
import { RunningInstance } from '../instance/running-instance.ts'
import { DEFAULT_STREAMS_CONFIG, type StreamsConfig } from '../instance/streams-config.ts'
import { MemoryCluster } from '../memory/cluster.ts'
import { MemoryAdmin } from '../memory/memory-admin.ts'
import { MemoryMembership } from '../memory/memory-membership.ts'
import { MemoryReader } from '../memory/memory-reader.ts'
import { MemoryWriter, type MemoryWriterOptions } from '../memory/memory-writer.ts'
import { IDEAL_NETWORK } from '../memory/network.ts'
import { PartitionLog } from '../memory/partition-log.ts'
import type { LogWriter } from '../ports/log.ts'
import { LocalThread } from '../thread/local-thread.ts'
import type { Random } from './random.ts'
import { type Faults, Scheduler } from './scheduler.ts'
import { SimulatedLog } from './simulated-log.ts'

/** Bugs of the engine that tests plant on purpose: the simulation must find each of them. */
export interface Mutants {
  readonly writer?: (options: MemoryWriterOptions) => LogWriter
  readonly newLog?: () => PartitionLog
  readonly newCluster?: (...given: ConstructorParameters<typeof MemoryCluster>) => MemoryCluster
  readonly store?: (store: ManagedStore) => ManagedStore
}

export interface WorldOptions {
  readonly random: Random
  readonly plan: Plan
  /** The same plan with functions that belong to one process. */
  readonly planOf?: (client: string) => Plan
  readonly topics: readonly { readonly name: string; readonly partitions: number }[]
  readonly faults: Faults
  readonly mutants: Mutants
  readonly config?: Partial<StreamsConfig>
  /** Gets in words what happens to the instances, when it happens. */
  readonly onNote?: (what: string) => void
}

/** A process that was stopped (SIGSTOP) and replaced by another one on another machine. */
interface Zombie {
  readonly client: string
  readonly transactionalIds: readonly string[]
  readonly membership: MemoryMembership
  state: 'paused' | 'running'
}

/**
 * One in-memory cluster, one accepted application instance at a time with two stream threads, one disk that outlives it.
 * Crashes, zombies, rebalances, lost messages and foreign transactions happen when the test says so; the order of
 * everything else is the scheduler's.
 */
export class World extends SimulatedLog {
  recoveries = 0
  rebalances = 0
  failure: Error | null = null
  readonly #options: WorldOptions
  readonly #config: StreamsConfig
  #disk: BackendFactory = memoryBackends({ durable: true })
  /** Processes on one disk share their transactional ids: a restart fences its own past. */
  #machine = 0
  #tasks: readonly string[] = []
  #incarnation = 0
  #membership: MemoryMembership | null = null
  #zombie: Zombie | null = null

  constructor(options: WorldOptions) {
    const { random, plan, mutants } = options
    const scheduler = new Scheduler(random, options.faults, options.onNote)
    const newCluster = mutants.newCluster ?? ((...given) => new MemoryCluster(...given))
    super(plan, scheduler, newCluster(scheduler, mutants.newLog ?? (() => new PartitionLog())))
    this.#options = options
    for (const topic of options.topics) this.cluster.createTopic({ ...topic, config: {} })
    this.#config = {
      ...DEFAULT_STREAMS_CONFIG,
      applicationId: plan.applicationId,
      deserializationExceptionHandler: 'dead-letter',
      deadLetterTopic: `${plan.applicationId}.dlq`,
      // Small enough that epochs end in the middle of things.
      maxEpochBytes: 2000,
      maxBufferedBytesPerPartition: 1500,
      ...options.config,
    }
  }

  get client(): string {
    return `instance-${this.#incarnation}`
  }

  get isRunning(): boolean {
    return this.#membership !== null
  }

  /** A new incarnation on the old disk. */
  async start(): Promise<void> {
    this.#incarnation++
    this.#note(`${this.client} starts`)
    const { cluster, scheduler } = this
    const { mutants, random } = this.#options
    const client = this.client
    const plan = this.#options.planOf?.(client) ?? this.#options.plan
    const clock = scheduler.clock(client)
    const disk = this.#disk
    // Laying out the topics is not under test: it goes over an ideal network.
    const setup = new MemoryAdmin({ cluster, network: IDEAL_NETWORK, clock, client })
    const { partitions, tasks } = await layOverCluster(plan, setup, [`${plan.applicationId}.dlq`])
    this.#tasks = tasks.map(({ taskId }) => taskId)
    const reader = (): MemoryReader =>
      new MemoryReader({
        cluster,
        clock,
        client,
        network: scheduler,
        isolation: 'read_committed',
        maxBatches: () => 1 + random.below(4),
      })
    const newThread = (index: number): LocalThread => {
      const isTransactional = this.#config.processingGuarantee === 'exactly_once_v2'
      const transactionalId = isTransactional ? (this.#transactionalIds[index] as string) : null
      const writerOptions = { cluster, clock, client, network: scheduler, transactionalId }
      return new LocalThread({
        index,
        plan,
        config: this.#config,
        partitions,
        clock,
        reader: reader(),
        newRestoreReader: reader,
        writer: this.#noting(`${client}/${index}`, mutants.writer?.(writerOptions) ?? new MemoryWriter(writerOptions)),
        admin: new MemoryAdmin({ cluster, network: scheduler, clock, client }),
        openStore: async (taskId, spec, context) => {
          const backend = await disk.open(taskId, spec.name, backendOptions(spec))
          const store = createStore(spec, backend, context)
          return mutants.store?.(store) ?? store
        },
        onEvent: (event) => {
          if (event.type !== 'recovered') return
          this.recoveries++
          this.#note(`${client}/${index} drops what is not committed and restores: ${event.error.message}`)
        },
      })
    }
    this.#membership = new MemoryMembership({
      cluster,
      groupId: plan.applicationId,
      memberId: client,
      tasks: tasks.map(({ taskId }) => taskId),
    })
    const instance = new RunningInstance({
      plan,
      threads: 2,
      newThread,
      tasks,
      processId: client,
      clock,
      membership: this.#membership,
      admin: setup,
    })
    void instance.stopped.then((error) => {
      // A zombie may well stop because it was fenced.
      if (this.client === client) this.failure ??= error
    })
    await instance.start()
  }

  /** kill -9: nothing the instance waits for ever comes. */
  crash(): void {
    this.#note(`${this.client} crashes`)
    this.scheduler.kill(this.client)
    this.#membership = null
  }

  /**
   * The running instance stands still (SIGSTOP, a long pause of the machine) and another one takes its place, on its own
   * machine. `fences`: the successor fences its transactional ids first, as one that knows of them does.
   */
  async replace(fences: boolean): Promise<void> {
    if (this.#membership === null) return
    this.#zombie = {
      client: this.client,
      transactionalIds: this.#transactionalIds,
      membership: this.#membership,
      state: 'paused',
    }
    this.#note(`${this.client} stands still and becomes a zombie${fences ? '; its successor fences it' : ''}`)
    this.scheduler.pause(this.client)
    if (fences) this.#fence(this.#transactionalIds)
    this.#machine++
    this.wipeDisk()
    await this.start()
  }

  get zombie(): Zombie['state'] | null {
    return this.#zombie?.state ?? null
  }

  /** The zombie wakes up and continues as if nothing had happened. */
  wakeZombie(): void {
    if (this.#zombie === null) return
    this.#zombie.state = 'running'
    this.#note(`the zombie ${this.#zombie.client} goes on as if nothing had happened`)
    this.scheduler.resume(this.#zombie.client)
  }

  /** The group tells it that it is out. */
  expelZombie(): void {
    if (this.#zombie === null) return
    this.#note(`the zombie ${this.#zombie.client} learns that the group goes on without it`)
    void this.#zombie.membership.expel()
  }

  /** Ends it for good, and aborts what it left open, as its transaction's timeout would. */
  buryZombie(): void {
    if (this.#zombie === null) return
    this.#note(`the zombie ${this.#zombie.client} ends`)
    this.scheduler.kill(this.#zombie.client)
    this.#fence(this.#zombie.transactionalIds)
    this.#zombie = null
  }

  get #transactionalIds(): readonly string[] {
    return [0, 1].map((index) => `app-${this.#machine}-${index}`)
  }

  #fence(transactionalIds: readonly string[]): void {
    for (const id of transactionalIds) {
      this.scheduler.finishBackground()
      try {
        this.cluster.initProducerId(id)
      } catch {
        // Its open transaction is aborted by the first call, and the markers of that are written now.
        this.scheduler.finishBackground()
        this.cluster.initProducerId(id)
      }
    }
  }

  /** The disk is gone as well. */
  wipeDisk(): void {
    this.#note('the next instance starts on an empty disk')
    this.#disk = memoryBackends({ durable: true })
  }

  /** In the background: some tasks go, and are followed as standbys, then all come back. */
  rebalance(): void {
    const membership = this.#membership
    if (membership === null) return
    const active = this.#tasks.filter(() => this.#options.random.chance(0.5))
    const standby = this.#tasks.filter((id) => !active.includes(id))
    this.rebalances++
    this.#note(`a rebalance takes ${standby.join(', ') || 'no task'} away from ${this.client} and gives all back`)
    void membership.rebalance({ active, standby })
    void membership.rebalance({ active: this.#tasks, standby: [] })
  }

  storeDifferences(): Promise<string[]> {
    return this.storeDifferencesOn(this.#disk)
  }

  /** The disk of the present instance. */
  get disk(): BackendFactory {
    return this.#disk
  }

  #note(what: string): void {
    this.#options.onNote?.(what)
  }

  /** The writer, with its commits as notes. */
  #noting(thread: string, writer: LogWriter): LogWriter {
    if (this.#options.onNote === undefined) return writer
    return {
      init: (timeoutMs) => writer.init(timeoutMs),
      newBatch: () => writer.newBatch(),
      close: () => writer.close(),
      commit: async (request) => {
        const positions = await writer.commit(request)
        const inputs = request.offsets.map(({ topic, partition, offset }) => `${topic}:${partition} up to ${offset}`)
        this.#note(`${thread} commits ${inputs.join(', ') || 'no input'}`)
        return positions
      },
    }
  }
}
