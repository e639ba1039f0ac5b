import { layOverCluster } from '../../runtime/cluster-plan.ts'
import { LocalThread } from '../../runtime/local-thread.ts'
import { MemoryCluster } from '../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../runtime/memory/memory-admin.ts'
import { MemoryMembership } from '../../runtime/memory/memory-membership.ts'
import { MemoryReader } from '../../runtime/memory/memory-reader.ts'
import { MemoryWriter, type MemoryWriterOptions } from '../../runtime/memory/memory-writer.ts'
import { IDEAL_NETWORK } from '../../runtime/memory/network.ts'
import { PartitionLog } from '../../runtime/memory/partition-log.ts'
import { partitionForKey } from '../../runtime/partitioner.ts'
import type { LogRecord, LogWriter, TopicPartition } from '../../runtime/ports/log.ts'
import { RunningInstance } from '../../runtime/running-instance.ts'
import { DEFAULT_STREAMS_CONFIG, type StreamsConfig } from '../../runtime/streams-config.ts'
import { memoryBackends } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import { decodeRow } from '../../state/layers/row-codec.ts'
import type { BackendFactory } from '../../state/ports/backend.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import type { WindowSpec } from '../../state/ports/store-spec.ts'
import { SEGMENT_BYTES } from '../../state/stores/segments.ts'
import type { Plan } from '../../topology/plan.ts'
import type { Random } from '../support/random.ts'
import { type Faults, Scheduler } from './scheduler.ts'

/** Bugs planted on purpose: the simulation must find each of them. */
export interface Mutants {
  readonly writer?: (options: MemoryWriterOptions) => LogWriter
  readonly newLog?: () => PartitionLog
  readonly newCluster?: (...given: ConstructorParameters<typeof MemoryCluster>) => MemoryCluster
  readonly store?: (store: ManagedStore) => ManagedStore
}

export interface WorldOptions {
  readonly random: Random
  readonly plan: Plan
  readonly topics: readonly { readonly name: string; readonly partitions: number }[]
  readonly faults: Faults
  readonly mutants: Mutants
  readonly config?: Partial<StreamsConfig>
}

/** A record to produce; partition null = by key. */
export interface WorldInput {
  readonly topic: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly partition: number | null
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
export class World {
  readonly scheduler: Scheduler
  readonly cluster: MemoryCluster
  recoveries = 0
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
    this.#options = options
    const { random, plan, mutants } = options
    this.scheduler = new Scheduler(random, options.faults)
    const newCluster = mutants.newCluster ?? ((...given) => new MemoryCluster(...given))
    this.cluster = newCluster(this.scheduler, mutants.newLog ?? (() => new PartitionLog()))
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
    const { cluster, scheduler } = this
    const { plan, mutants, random } = this.#options
    const client = this.client
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
    const threads = [0, 1].map((index) => {
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
        writer: mutants.writer?.(writerOptions) ?? new MemoryWriter(writerOptions),
        admin: new MemoryAdmin({ cluster, network: scheduler, clock, client }),
        openStore: async (taskId, spec, context) => {
          const backend = await disk.open(taskId, spec.name, backendOptions(spec))
          const store = createStore(spec, backend, context)
          return mutants.store?.(store) ?? store
        },
        onRecovered: () => {
          this.recoveries++
        },
      })
    })
    this.#membership = new MemoryMembership({
      cluster,
      groupId: plan.applicationId,
      memberId: client,
      tasks: tasks.map(({ taskId }) => taskId),
    })
    const instance = new RunningInstance({
      plan,
      threads,
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
    this.scheduler.pause(this.client)
    if (fences) this.#fence(this.#transactionalIds)
    this.#machine++
    this.wipeDisk()
    await this.start()
  }

  get zombie(): Zombie['state'] | null {
    return this.#zombie?.state ?? null
  }

  /** The zombie wakes up and goes on as if nothing had happened. */
  wakeZombie(): void {
    if (this.#zombie === null) return
    this.#zombie.state = 'running'
    this.scheduler.resume(this.#zombie.client)
  }

  /** It hears from the group that it is out. */
  expelZombie(): void {
    void this.#zombie?.membership.expel()
  }

  /** It is gone for good, and what it left open is aborted, as its transaction's timeout would. */
  buryZombie(): void {
    if (this.#zombie === null) return
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
    this.#disk = memoryBackends({ durable: true })
  }

  /** In the background: some tasks go, and are followed as standbys, then all come back. */
  rebalance(): void {
    const membership = this.#membership
    if (membership === null) return
    const active = this.#tasks.filter(() => this.#options.random.chance(0.5))
    const standby = this.#tasks.filter((id) => !active.includes(id))
    void membership.rebalance({ active, standby })
    void membership.rebalance({ active: this.#tasks, standby: [] })
  }

  /** Appends input; inside an aborted transaction of a foreign producer when `aborted`. */
  produce(input: WorldInput, aborted: boolean): void {
    const count = this.cluster.partitions(input.topic) ?? 1
    const partition =
      input.partition === null ? partitionForKey(input.key ?? Buffer.alloc(0), count) : input.partition % count
    const record = { key: input.key, value: input.value, timestamp: input.timestamp, headers: [] }
    if (!aborted) {
      this.cluster.append({ topic: input.topic, partition }, [record])
      return
    }
    try {
      const session = this.cluster.initProducerId('foreign')
      this.cluster.produce(session, { topic: input.topic, partition }, [record])
      this.cluster.endTxn(session, 'abort')
    } catch {
      // Its last abort is still being written; another record will be aborted instead.
    }
  }

  /** Committed records of a topic, partition by partition in offset order. */
  committed(topic: string): (LogRecord & TopicPartition)[] {
    const records: (LogRecord & TopicPartition)[] = []
    for (let partition = 0; partition < (this.cluster.partitions(topic) ?? 0); partition++) {
      records.push(...this.committedOf({ topic, partition }))
    }
    return records
  }

  committedOf({ topic, partition }: TopicPartition): (LogRecord & TopicPartition)[] {
    const log = this.cluster.log({ topic, partition })
    // The oracle's own abort filter: what the next marker of its producer says. It also sees what is committed behind
    // an open transaction, which readers do not see yet.
    const { batches } = PartitionLog.prototype.fetch.call(log, 0, Number.POSITIVE_INFINITY, 'read_uncommitted')
    const decisions = new Map<number, 'commit' | 'abort'>()
    const committed: (LogRecord & TopicPartition)[][] = []
    for (const { marker, producerId, transactional, records } of [...batches].reverse()) {
      if (marker !== null) decisions.set(producerId, marker)
      else if (!transactional || decisions.get(producerId) === 'commit')
        committed.push(records.map((record) => ({ ...record, topic, partition })))
    }
    return committed.reverse().flat()
  }

  /** Invariant: each store on disk equals the fold of its committed changelog up to the position it claims. In words, [] = holds. */
  async storeDifferences(): Promise<string[]> {
    const differences: string[] = []
    // A transaction is committed with its coordinator's decision; readers see it with the markers.
    this.scheduler.finishBackground()
    for (const { id, stores } of this.#options.plan.subtopologies) {
      for (const { spec, changelogTopic } of stores) {
        if (changelogTopic === null) continue
        for (let partition = 0; partition < (this.cluster.partitions(changelogTopic) ?? 0); partition++) {
          const backend = await this.#disk.open(`${id}_${partition}`, spec.name, { keyIndex: true })
          const position = backend.position() ?? 0
          const expected = new Map<string, string>()
          for (const { offset, key, value } of this.committedOf({ topic: changelogTopic, partition })) {
            if (offset >= position) break
            const name = (key ?? Buffer.alloc(0)).toString('latin1')
            if (value === null) expected.delete(name)
            else expected.set(name, value.toString('latin1'))
          }
          const actual = new Map<string, string>()
          const isWindow = spec.kind === 'window'
          // Rows of window stores are prefixed by their segment on disk.
          for (const key of backend.keys({}))
            actual.set(isWindow ? key.slice(SEGMENT_BYTES) : key, rowValue(backend.get(key)))
          if (isWindow) forgetExpired(expected, spec, actual)
          for (const key of new Set([...expected.keys(), ...actual.keys()])) {
            if (expected.get(key) !== actual.get(key)) {
              differences.push(
                `${spec.name} of ${id}_${partition} at ${position}, key ${key}: ${actual.get(key)}, changelog has ${expected.get(key)}`,
              )
            }
          }
        }
      }
    }
    return differences
  }

  /** Every source partition is committed up to its end and nothing is open. */
  isDrained(sources: readonly TopicPartition[]): boolean {
    try {
      const committed = this.cluster.committedOffsets(this.#options.plan.applicationId, sources)
      const offsets = new Map(committed.map(({ topic, partition, offset }) => [`${topic}:${partition}`, offset]))
      return sources.every((source) => {
        const log = this.cluster.log(source)
        const end = log.highWatermark
        return log.lastStableOffset === end && (offsets.get(`${source.topic}:${source.partition}`) ?? 0) === end
      })
    } catch {
      // Offsets of an open transaction: not drained.
      return false
    }
  }
}

/** The value bytes of a row on disk, as a binary string. */
function rowValue(row: Buffer | undefined): string {
  return row === undefined ? '(gone)' : String(decodeRow(row).value?.toString('latin1'))
}

/** Expired windows leave the disk unlogged: those that may have are not expected, unless they are still there. */
function forgetExpired(expected: Map<string, string>, spec: WindowSpec, actual: ReadonlyMap<string, string>): void {
  const start = (key: string): number => Number(Buffer.from(key, 'latin1').readBigInt64BE(key.length - 12))
  const newest = Math.max(...[...expected.keys()].map(start))
  for (const key of [...expected.keys()])
    if (!actual.has(key) && start(key) <= newest + spec.windowSizeMs - spec.retentionMs) expected.delete(key)
}
