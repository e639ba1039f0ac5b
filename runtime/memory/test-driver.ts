import { StreamsConfigError } from '../../state/ports/errors.ts'
import { type Headers, NO_HEADERS } from '../../state/ports/headers.ts'
import type { StoreContext } from '../../state/ports/managed-store.ts'
import { bufferOf, type Serde, writtenHeaders } from '../../state/ports/serde.ts'
import type { StateStore } from '../../state/ports/stores.ts'
import type { Plan, Subtopology } from '../../topology/plan.ts'
import { Epochs } from '../commit/epochs.ts'
import { OutputCollector } from '../commit/output-collector.ts'
import { sinkTopics } from '../instance/cluster-plan.ts'
import { DEFAULT_STREAMS_CONFIG, type StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { LogRecord } from '../ports/log.ts'
import { globalSubtopology } from '../restore/global-state.ts'
import { stageOf } from '../task/exception-handlers.ts'
import { poisonedBy } from '../task/failed-records.ts'
import { PoisonedRecordError, PoisonedRecords, type TaskRecord } from '../task/poisoned-records.ts'
import { prepareSerdes, prepareSource, prepareTopic } from '../task/prepare-serdes.ts'
import { StreamTask } from '../task/stream-task.ts'
import { Bell } from '../thread/bell.ts'
import { ThreadMetrics } from '../thread/thread-metrics.ts'
import { MemoryBatch } from './memory-batch.ts'
import { memoryStore } from './memory-store.ts'

export interface TopologyTestDriverOptions {
  /** Wall clock at the start, epoch ms; default 0. */
  readonly startTimeMs?: number
  readonly config?: Partial<StreamsConfig>
  /** Topics that exist, for sources that subscribe by pattern. Those of inputTopic() are added, until the driver is used. */
  readonly topics?: readonly string[]
}

/** A record going in or coming out, as bytes. */
export interface TestRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Epoch ms. */
  readonly timestamp: number
  readonly headers?: Headers
}

/** The clock of a test: moves by hand, never waits. */
class ManualClock implements Clock {
  #now: number
  constructor(now: number) {
    this.#now = now
  }
  now(): number {
    return this.#now
  }
  monotonic(): number {
    return this.#now
  }
  advance(ms: number): void {
    this.#now += ms
  }
  sleep(): Promise<void> {
    throw new StreamsConfigError('nothing waits in a TopologyTestDriver')
  }
  yield(): Promise<void> {
    return Promise.resolve()
  }
}

/**
 * Runs a topology in this call stack, as Kafka Streams' TopologyTestDriver does: the real task code, every topic with one
 * partition, a commit after every record (caches are flushed, so every update comes out). Records that the topology
 * writes to topics it reads go in again at once. Nothing is asynchronous but the calls of mapAsync and the like: runCalls() waits for them.
 */
export class TopologyTestDriver {
  readonly metrics = new ThreadMetrics()
  readonly #clock: ManualClock
  readonly #epochs = new Epochs(() => new MemoryBatch())
  readonly #collector: OutputCollector
  readonly #config: StreamsConfig
  readonly #plan: Plan
  readonly #existing: Set<string>
  #tasks: readonly StreamTask[] = []
  #globalTasks: readonly StreamTask[] = []
  /** Tasks are opened, and so patterns are matched, at once; when there are patterns, at the first use. */
  #isOpen = false
  readonly #poisoned = new PoisonedRecords()
  readonly #outputs = new Map<string, Required<TestRecord>[]>()
  readonly #ends = new Map<string, number>()
  readonly #stores = new Map<string, StateStore>()
  readonly #preparations: (() => Promise<void>)[] = []
  readonly #callEnded = new Bell()

  constructor(plan: Plan, options: TopologyTestDriverOptions = {}) {
    if (!Array.isArray((plan as Partial<Plan> | undefined)?.subtopologies))
      throw new StreamsConfigError('TopologyTestDriver takes a plan: topology.build({ applicationId })')
    this.#clock = new ManualClock(options.startTimeMs ?? 0)
    this.#collector = new OutputCollector(this.#epochs, { get: () => 1, set: () => undefined })
    this.#config = {
      ...DEFAULT_STREAMS_CONFIG,
      deadLetterTopic: `${plan.applicationId}.dlq`,
      ...options.config,
      applicationId: plan.applicationId,
      // Nothing is ever half committed here.
      processingGuarantee: 'exactly_once_v2',
    }
    this.#plan = plan
    this.#existing = new Set([...(options.topics ?? []), ...sinkTopics(plan)])
    if (plan.withTopics === undefined) this.#openAll()
  }

  /** The plan, with the topics that its patterns match now. */
  #matched(): Plan {
    return this.#plan.withTopics?.([...this.#existing]) ?? this.#plan
  }

  #openAll(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    const plan = this.#matched()
    this.#globalTasks = plan.globalStores.length === 0 ? [] : [this.#open(globalSubtopology(plan))]
    this.#tasks = plan.subtopologies.map((subtopology) => this.#open(subtopology))
  }

  /**
   * Prepares the serdes that need something from elsewhere (a schema registry): those of the plan, and those of the input and output
   * topics made so far. Needed only when there are such serdes.
   */
  async prepare(): Promise<void> {
    const plan = this.#matched()
    const { subtopologies, globalStores } = plan
    const all = globalStores.length === 0 ? subtopologies : [...subtopologies, globalSubtopology(plan)]
    for (const subtopology of all) await prepareSerdes(subtopology)
    for (const prepare of this.#preparations) await prepare()
    for (const { nodes } of all) for (const node of nodes) if (node.type === 'source') await prepareSource(node)
  }

  /** Feeds one record and processes everything that follows from it. */
  pipeInput(topic: string, record: TestRecord): void {
    this.#existing.add(topic)
    this.#openAll()
    this.#enqueue(topic, record)
    this.#run()
  }

  /**
   * Records written to the topic since the last call, oldest first.
   * @throws StreamsConfigError for a topic that the topology cannot write to
   */
  readOutput(topic: string): Required<TestRecord>[] {
    const records = this.#outputs.get(topic)
    if (records === undefined && !this.#isWritten(topic))
      throw new StreamsConfigError(`the topology does not write to topic ${topic}`)
    this.#outputs.set(topic, [])
    return records ?? []
  }

  /** Topics that have records not read yet. */
  get outputTopics(): string[] {
    return [...this.#outputs].filter(([, records]) => records.length > 0).map(([topic]) => topic)
  }

  /**
   * Moves the wall clock and fires what is due, once per punctuator as Kafka Streams does. In a topology that closes
   * windows when idle, stream time follows, and the ticks are output as well.
   */
  advanceWallClockTime(ms: number): void {
    this.#openAll()
    this.#clock.advance(ms)
    for (const task of this.#tasks) {
      task.time.punctuateSystemTime()
      task.flush()
      this.#capture()
    }
    this.#run()
    this.#answer()
    for (const task of this.#tasks) {
      if (!task.time.tickIfIdle()) continue
      task.flush()
      this.#capture()
      this.#run()
    }
  }

  /**
   * Processes the answers of calls as they come, and what follows from them, until no call is running. Those that pause before another
   * attempt wait for advanceWallClockTime(). It also waits for a call that is never answered: see nextAnswer().
   */
  async runCalls(): Promise<void> {
    this.#openAll()
    for (;;) {
      this.#answer()
      if (!this.#tasks.some(({ calls }) => calls?.isRunning === true)) return
      await this.#callEnded.next()
    }
  }

  /** Waits until some running call has ended, and processes all answers that are there. */
  async nextAnswer(): Promise<void> {
    this.#openAll()
    if (!this.#tasks.some(({ hasAnswers }) => hasAnswers)) await this.#callEnded.next()
    this.#answer()
  }

  /** The store a processor would see. @throws StreamsConfigError for an unknown name */
  store<S extends StateStore>(name: string): S {
    this.#openAll()
    const store = this.#stores.get(name)
    if (store === undefined)
      throw new StreamsConfigError(`there is no store named ${name}; there are ${[...this.#stores.keys()].join(', ')}`)
    return store as S
  }

  /** A typed input topic. Timestamps that are not given start at the driver's wall clock. */
  inputTopic<K, V>(topic: string, keySerde: Serde<K>, valueSerde: Serde<V>): TestInputTopic<K, V> {
    this.#existing.add(topic)
    this.#preparations.push(() => prepareTopic({ keySerde, valueSerde }, topic, 'write'))
    return {
      pipeInput: (key, value, timestamp = this.#clock.now(), headers = NO_HEADERS) => {
        const written = writtenHeaders({ keySerde, valueSerde }, topic, { key, value, headers })
        this.pipeInput(topic, {
          key: key === null ? null : bufferOf(keySerde.serialize(topic, key, written)),
          value: value === null ? null : bufferOf(valueSerde.serialize(topic, value, written)),
          timestamp,
          headers: written,
        })
      },
    }
  }

  /** A typed output topic. */
  outputTopic<K, V>(topic: string, keySerde: Serde<K>, valueSerde: Serde<V>): TestOutputTopic<K, V> {
    this.#preparations.push(() => prepareTopic({ keySerde, valueSerde }, topic, 'read'))
    return {
      readRecords: () =>
        this.readOutput(topic).map(({ key, value, timestamp, headers }) => ({
          key: key === null ? null : keySerde.deserialize(topic, key, headers),
          value: value === null ? null : valueSerde.deserialize(topic, value, headers),
          timestamp,
          headers,
        })),
    }
  }

  /** Calls close() of all processors. */
  close(): void {
    for (const task of [...this.#tasks, ...this.#globalTasks]) task.closeProcessors()
  }

  #open(subtopology: Subtopology): StreamTask {
    const sources = [...new Set(subtopology.sourceTopics)].sort()
    const task = new StreamTask({
      subtopology,
      partition: 0,
      taskCount: 1,
      sources: sources.map((topic) => ({ topic, partition: 0, position: 0, partitionTime: -1, isCommitted: true })),
      collector: this.#collector,
      clock: this.#clock,
      metrics: this.metrics,
      config: this.#config,
      poisoned: this.#poisoned,
      globalStores: this.#stores,
      onAnswer: () => this.#callEnded.ring(),
    })
    const context: StoreContext = {
      streamTime: () => task.streamTime(),
      // A test may write to a store between records.
      recordTimestamp: () => (task.current === null ? Math.max(task.streamTime(), 0) : task.recordTimestamp()),
      recordHeaders: () => task.recordHeaders(),
    }
    const stores = subtopology.stores.map(({ spec }) =>
      memoryStore(spec, context, (reason) => this.metrics.dropped.add(reason)),
    )
    task.start(stores)
    for (const store of stores) this.#stores.set(store.name, store.api)
    for (const topic of sources) {
      task.add({ topic, partition: 0, from: 0, records: [], bytes: 0, position: 0, endOffset: 0 })
    }
    return task
  }

  #enqueue(topic: string, { key, value, timestamp, headers = NO_HEADERS }: TestRecord): void {
    const readers = [...this.#tasks, ...this.#globalTasks].filter((task) =>
      task.queues.some((queue) => queue.topic === topic),
    )
    if (readers.length === 0) throw new StreamsConfigError(`the topology does not read topic ${topic}`)
    const offset = this.#ends.get(topic) ?? 0
    this.#ends.set(topic, offset + 1)
    const record = { offset, key, value, timestamp, headers }
    for (const task of readers) {
      task.add({
        topic,
        partition: 0,
        from: offset,
        records: [record],
        bytes: 0,
        position: offset + 1,
        endOffset: offset + 1,
      })
    }
  }

  /** Processes records until none is left: the one with the smallest timestamp of all tasks goes next. */
  #run(): void {
    for (;;) {
      for (const task of this.#globalTasks) task.process(Number.POSITIVE_INFINITY)
      this.#capture()
      let next: StreamTask | null = null
      for (const task of this.#tasks) {
        if (task.isProcessable && (next === null || task.nextTimestamp < next.nextTimestamp)) next = task
      }
      if (next === null) {
        // Also for what a flush has sent to them.
        for (const task of this.#tasks) task.beginCalls()
        return
      }
      this.#processOne(next)
      this.#capture()
    }
  }

  /** Processes the answers that are there, one by one, and all that follows from each. */
  #answer(): void {
    for (;;) {
      const task = this.#tasks.find(({ hasAnswers }) => hasAnswers)
      if (task === undefined) return
      try {
        task.answer(1)
      } catch (error) {
        if (!(error instanceof PoisonedRecordError)) throw error
        this.#epochs.next()
        this.#poisoned.add(error)
        task.answer(1)
      }
      task.flush()
      this.#capture()
      this.#run()
    }
  }

  /** A poisoned record leaves only its dead letter; its changes to stores stay (there is no epoch to discard). */
  #processOne(task: StreamTask): void {
    const record = task.nextRecord as TaskRecord
    const raw = task.queues.find(({ topic }) => topic === record.topic)?.headRaw as LogRecord
    let isProcessed = false
    try {
      task.process(1)
      isProcessed = true
      task.flush()
    } catch (error) {
      const poisoned = poisonedBy(record, error, this.#config)
      if (poisoned === null) throw error
      this.#epochs.next()
      if (isProcessed) {
        task.failed.leaveOut(stageOf(poisoned.cause), record, raw, poisoned.cause)
        return
      }
      this.#poisoned.add(poisoned)
      task.process(1)
    }
  }

  /** Takes the written records, and feeds them to their readers. */
  #capture(): void {
    if (!this.#epochs.live.hasOutput) return
    const epoch = this.#epochs.next()
    this.metrics.deadLetters.addAll(epoch.deadLetters)
    const batch = epoch.batch as MemoryBatch
    for (const { topic, record } of batch.inOrder) {
      const records = this.#outputs.get(topic)
      if (records === undefined) this.#outputs.set(topic, [record])
      else records.push(record)
      if (this.#isRead(topic)) this.#enqueue(topic, record)
    }
  }

  /** True for any topic when a sink chooses topics by record. */
  #isWritten(topic: string): boolean {
    const { subtopologies, internalTopics } = this.#plan
    if (topic === this.#config.deadLetterTopic || internalTopics.some(({ name }) => name === topic)) return true
    return subtopologies
      .flatMap(({ nodes }) => nodes)
      .some((node) => node.type === 'sink' && (typeof node.topic === 'function' || node.topic === topic))
  }

  #isRead(topic: string): boolean {
    return [...this.#tasks, ...this.#globalTasks].some((task) => task.queues.some((queue) => queue.topic === topic))
  }
}

export interface TestInputTopic<K, V> {
  pipeInput(key: K | null, value: V | null, timestamp?: number, headers?: Headers): void
}

export interface TestOutputTopic<K, V> {
  readRecords(): { key: K | null; value: V | null; timestamp: number; headers: Headers }[]
}
