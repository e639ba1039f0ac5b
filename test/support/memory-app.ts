import { layOverCluster } from '../../runtime/instance/cluster-plan.ts'
import { ThreadReplacedError } from '../../runtime/instance/replaceable-thread.ts'
import { RunningInstance } from '../../runtime/instance/running-instance.ts'
import { DEFAULT_STREAMS_CONFIG, type StreamsConfig } from '../../runtime/instance/streams-config.ts'
import type { UncaughtExceptionHandler } from '../../runtime/instance/uncaught-exceptions.ts'
import { MemoryCluster } from '../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../runtime/memory/memory-admin.ts'
import { MemoryMembership } from '../../runtime/memory/memory-membership.ts'
import { MemoryReader } from '../../runtime/memory/memory-reader.ts'
import { MemoryWriter } from '../../runtime/memory/memory-writer.ts'
import { IDEAL_NETWORK } from '../../runtime/memory/network.ts'
import type { InstanceEvent, InstanceListener, LostInput, MisplacedKeys } from '../../runtime/ports/instance-events.ts'
import type { CommitRequest, EndPositions, LogReader, LogRecord, TopicPartition } from '../../runtime/ports/log.ts'
import type { RecordTracer } from '../../runtime/ports/tracing.ts'
import type { StoreViews } from '../../runtime/queries/store-reads.ts'
import type { StateOnDisk } from '../../runtime/restore/state-cleanup.ts'
import type { DescribeRecord } from '../../runtime/task/record-description.ts'
import { LocalThread } from '../../runtime/thread/local-thread.ts'
import { memoryBackends } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import type { BackendFactory } from '../../state/ports/backend.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import type { Plan } from '../../topology/plan.ts'
import { ManualTime } from './manual-time.ts'

export interface MemoryAppOptions {
  readonly plan: Plan
  /** External topics and their partitions; the dead letter topic is added. */
  readonly topics: Readonly<Record<string, number>>
  readonly config?: Partial<StreamsConfig>
  /** max.message.bytes of some topics. */
  readonly maxMessageBytes?: Readonly<Record<string, number>>
  /** False: writers learn it only from the broker. */
  readonly knowsLimits?: boolean
  /** Default: the instance stops. */
  readonly uncaught?: UncaughtExceptionHandler
  readonly threads?: number
  readonly views?: StoreViews
  /** The plan as another thread has it, which answers the queries. Default: that of the stream threads. */
  readonly queryPlan?: Plan
  /** Stops when an input topic changes. Default false. */
  readonly watchesInputs?: boolean
  /** Removes state of tasks that are absent for so long, ms. Default never. */
  readonly cleanupDelayMs?: number
  readonly tracer?: RecordTracer
  readonly describeRecord?: DescribeRecord
  readonly onEvent?: InstanceListener
}

/** A writer whose commits a test can hold back, fail or watch. */
export class WatchedWriter extends MemoryWriter {
  commits = 0
  /** Awaited before each commit; throw to fail it (the transaction is never begun). */
  before: (request: CommitRequest) => Promise<void> = async () => undefined
  /** Awaited before each init(); throw to fail it. */
  beforeInit: () => Promise<void> = async () => undefined
  /** Awaited after each commit that succeeded; throw to make its outcome unknown. */
  after: () => Promise<void> = async () => undefined

  override async init(): Promise<void> {
    await this.beforeInit()
    await super.init()
  }

  override async commit(request: CommitRequest): Promise<EndPositions> {
    await this.before(request)
    const ends = await super.commit(request)
    this.commits++
    await this.after()
    return ends
  }
}

/** An admin whose look at the ends of changelogs a test can fail. */
class WatchedAdmin extends MemoryAdmin {
  before: (partitions: readonly TopicPartition[]) => void = () => undefined

  override async highWatermarks(partitions: readonly TopicPartition[]): Promise<readonly number[]> {
    this.before(partitions)
    return await super.highWatermarks(partitions)
  }
}

/** A reader that counts how often it is asked, and what it gives. */
class WatchedReader extends MemoryReader {
  before: () => Promise<void> = async () => undefined
  polls = 0
  /** Records. */
  handedOut = 0
  override async poll(maxWaitMs: number): ReturnType<LogReader['poll']> {
    this.polls++
    await this.before()
    const news = await super.poll(maxWaitMs)
    for (const { records } of news) this.handedOut += records.length
    return news
  }
}

/** One application instance on an in-memory cluster without faults, in a time of its own. */
export class MemoryApp {
  readonly time = new ManualTime()
  readonly cluster = new MemoryCluster(IDEAL_NETWORK)
  readonly recovered: Error[] = []
  readonly lost: LostInput[] = []
  readonly misplaced: MisplacedKeys[] = []
  /** Threads that died and got a successor. */
  readonly replaced: ThreadReplacedError[] = []
  readonly writers: WatchedWriter[] = []
  readonly readers: WatchedReader[] = []
  disk: BackendFactory = memoryBackends({ durable: true })
  /** The state on disk, task by task, for the clean-up. */
  readonly state: { -readonly [K in keyof StateOnDisk]: StateOnDisk[K] } = {
    taskIds: async () => this.opened,
    removeTask: async (id) => {
      this.opened = this.opened.filter((other) => other !== id)
      this.removed.push(id)
      for (const { id: subtopology, stores } of this.#options.plan.subtopologies) {
        if (!id.startsWith(`${subtopology}_`)) continue
        for (const { spec } of stores) await this.disk.destroy(id, spec.name)
      }
    },
  }
  /** Tasks that have stores on the disk. */
  opened: readonly string[] = []
  readonly removed: string[] = []
  /** Awaited before each poll of any reader. */
  beforePoll: () => Promise<void> = async () => undefined
  /** Wraps every store that is opened. */
  wrapStore: (store: ManagedStore) => ManagedStore = (store) => store
  threads: LocalThread[] = []
  admin!: WatchedAdmin
  instance!: RunningInstance
  membership!: MemoryMembership
  #options: MemoryAppOptions
  #incarnation = 0

  constructor(options: MemoryAppOptions) {
    this.#options = options
    const topics = { ...options.topics, [this.deadLetterTopic]: 1 }
    for (const [name, partitions] of Object.entries(topics)) {
      const max = options.maxMessageBytes?.[name]
      const config: Record<string, string> = max === undefined ? {} : { 'max.message.bytes': String(max) }
      this.cluster.createTopic({ name, partitions, config })
    }
  }

  get deadLetterTopic(): string {
    return `${this.#options.plan.applicationId}.dlq`
  }

  /** Starts an instance on this app's disk. An instance before it must have been closed. */
  async start(): Promise<void> {
    const { cluster, time } = this
    const { plan } = this.#options
    const client = `client-${++this.#incarnation}`
    const base = { cluster, clock: time, client, network: IDEAL_NETWORK }
    const admin = new WatchedAdmin(base)
    this.admin = admin
    const { partitions, tasks, inputs } = await layOverCluster(plan, admin, [this.deadLetterTopic])
    const reader = (): WatchedReader => {
      const made = new WatchedReader({ ...base, isolation: 'read_committed', maxBatches: () => 100 })
      this.readers.push(made)
      made.before = () => this.beforePoll()
      return made
    }
    const newThread = (index: number): LocalThread => {
      const isTransactional = this.#options.config?.processingGuarantee !== 'at_least_once'
      const writer = new WatchedWriter({
        ...base,
        transactionalId: isTransactional ? `tx-${index}` : null,
        knowsLimits: this.#options.knowsLimits ?? true,
      })
      this.writers.push(writer)
      const thread = new LocalThread({
        index,
        plan,
        views: { counts: (_key, stored) => stored, ...this.#options.views },
        partitions,
        clock: time,
        reader: reader(),
        newRestoreReader: reader,
        writer,
        admin,
        config: {
          ...DEFAULT_STREAMS_CONFIG,
          deadLetterTopic: this.deadLetterTopic,
          ...this.#options.config,
          applicationId: plan.applicationId,
        },
        openStore: async (taskId, spec, context) => {
          this.opened = [...new Set([...this.opened, taskId])]
          return this.wrapStore(
            createStore(spec, await this.disk.open(taskId, spec.name, backendOptions(spec)), context),
          )
        },
        ...(this.#options.tracer && { tracer: this.#options.tracer }),
        ...(this.#options.describeRecord && { describeRecord: this.#options.describeRecord }),
        onEvent: (event) => {
          if (event.type !== 'opening') this.#onEvent(event)
        },
      })
      this.threads[index] = thread
      return thread
    }
    const allTasks = tasks.map(({ taskId }) => taskId)
    this.membership = new MemoryMembership({ cluster, groupId: plan.applicationId, memberId: client, tasks: allTasks })
    const { watchesInputs = false, cleanupDelayMs } = this.#options
    const instance = new RunningInstance({
      plan: this.#options.queryPlan ?? plan,
      tasks,
      processId: client,
      clock: time,
      threads: this.#options.threads ?? 1,
      newThread,
      uncaughtExceptionHandler: this.#options.uncaught,
      membership: this.membership,
      admin,
      ...(watchesInputs && { inputs }),
      ...(cleanupDelayMs !== undefined && { cleanup: { state: this.state, delayMs: cleanupDelayMs } }),
      onEvent: (event) => this.#onEvent(event),
    })
    this.instance = instance
    await instance.start()
  }

  #onEvent(event: InstanceEvent): void {
    if (event.type === 'recovered') {
      if (event.error instanceof ThreadReplacedError) this.replaced.push(event.error)
      else this.recovered.push(event.error)
    }
    if (event.type === 'input-lost') this.lost.push(event.lost)
    if (event.type === 'misplaced-keys') this.misplaced.push(event.keys)
    this.#options.onEvent?.(event)
  }

  get writer(): WatchedWriter {
    return this.writers.at(-1) as WatchedWriter
  }

  /** A new instance of the same app (or of its next version), with everything of the old one but its disk and the log gone. */
  async restart(plan: Plan = this.#options.plan): Promise<void> {
    await this.instance.close()
    this.#options = { ...this.#options, plan }
    await this.start()
  }

  produce(
    topic: string,
    key: string | null,
    value: string | null,
    options: { timestamp?: number; partition?: number } = {},
  ): void {
    const { timestamp = 0, partition = 0 } = options
    const bytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text))
    this.cluster.append({ topic, partition }, [{ key: bytes(key), value: bytes(value), timestamp, headers: [] }])
  }

  /** Committed records of a topic, partition by partition. */
  records(topic: string): LogRecord[] {
    const records: LogRecord[] = []
    for (let partition = 0; partition < (this.cluster.partitions(topic) ?? 0); partition++) {
      const { batches, aborted } = this.cluster
        .log({ topic, partition })
        .fetch(0, Number.POSITIVE_INFINITY, 'read_committed')
      for (const batch of batches) {
        const isAborted = aborted.some(
          ({ producerId, firstOffset, lastOffset }) =>
            batch.transactional &&
            batch.producerId === producerId &&
            batch.baseOffset >= firstOffset &&
            batch.baseOffset <= lastOffset,
        )
        if (!isAborted) records.push(...batch.records)
      }
    }
    return records
  }

  /** `key=value` of each committed record. */
  lines(topic: string): string[] {
    return this.records(topic).map(({ key, value }) => `${key}=${value}`)
  }

  /** Offset committed for a partition; null when none or not stable. */
  committed(topic: string, partition = 0): number | null {
    try {
      const found = this.cluster.committedOffsets(this.#options.plan.applicationId, [{ topic, partition }])
      return found[0]?.offset ?? null
    } catch {
      // Offsets of an open transaction.
      return null
    }
  }

  /** Everything produced so far is processed and committed. */
  async drained(topic: string, partition = 0): Promise<void> {
    const log = this.cluster.log({ topic, partition })
    await this.time.until(
      `${topic}-${partition} drained`,
      () => log.lastStableOffset === log.highWatermark && this.committed(topic, partition) === log.highWatermark,
    )
  }

  async metric(name: string): Promise<number> {
    const families = await this.instance.metrics()
    return families
      .filter((family) => family.name === name)
      .flatMap(({ samples }) => samples)
      .reduce((sum, { value }) => sum + value, 0)
  }
}
