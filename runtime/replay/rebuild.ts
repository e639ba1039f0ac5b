import { StreamsTopologyError } from '../../state/ports/errors.ts'
import { type Headers, NO_HEADERS } from '../../state/ports/headers.ts'
import type { StoreContext } from '../../state/ports/managed-store.ts'
import { bufferOf, type Serialized } from '../../state/ports/serde.ts'
import { callersOf } from '../../topology/calls-of-plan.ts'
import type { Plan } from '../../topology/plan.ts'
import { Epochs } from '../commit/epochs.ts'
import { decodeOffsetMetadata } from '../commit/offset-metadata.ts'
import { OutputCollector } from '../commit/output-collector.ts'
import type { Clock } from '../ports/clock.ts'
import type { CommittedOffset, FetchedPartition, LogRecord, OutputBatch, TopicPartition } from '../ports/log.ts'
import { poisonedBy } from '../task/failed-records.ts'
import type { TaskRecord } from '../task/poisoned-records.ts'
import type { TaskSource } from '../task/source-positions.ts'
import { StreamTask } from '../task/stream-task.ts'
import { parseTaskId, taskCountOf } from '../task/task-id.ts'
import { mergeNumbers, type Numbers } from '../task/task-marks.ts'
import { closeStores, TaskStores } from '../task/task-stores.ts'
import { ThreadMetrics } from '../thread/thread-metrics.ts'
import { RebuildLog, type RebuildTask } from './rebuild-log.ts'
import {
  AnswersNotRecordedError,
  type InputSpan,
  type RebuildOptions,
  type RebuiltRecord,
  type StepWatch,
} from './rebuild-options.ts'

interface HeldStep {
  readonly records: RebuiltRecord[]
  readonly watch: StepWatch
}

/** A clock that stands still: whatever waits for the clock waits for the next start. */
const NO_TIME: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: () => Promise.resolve(),
  yield: () => Promise.resolve(),
}

/*
 * Runs a plan over its input once more, all tasks in one place and with the real task code.
 *
 * 1. The order is a function of the input alone: of all heads the record with the smallest timestamp goes next, ties by
 *    task; what it sends through repartition topics is processed before the next one. So the same input gives the same rows.
 * 2. No clock: wall-clock punctuators never fire. Windows that the application had closed are closed by closeUpTo().
 * 3. Nothing is written anywhere but to the stores it was given, onOutput and onChangelog. Dead letters and idle ticks
 *    were written when the records were first processed.
 * 4. A step is one record of one task, or one recorded answer, committed before the next one. So what throws costs only its own step.
 * 5. No call is made: a call has its recorded end right after the record that it is about.
 */
export class Rebuild {
  readonly metrics = new ThreadMetrics()
  readonly #options: RebuildOptions
  readonly #epochs: Epochs
  readonly #collector: OutputCollector
  readonly #tasks: RebuildTask[] = []
  readonly #log: RebuildLog
  readonly #outputTopics: ReadonlySet<string>
  readonly #makesCalls: boolean
  /** Records of the step that is running; null outside of steps. */
  #held: HeldStep | null = null

  private constructor(options: RebuildOptions) {
    this.#options = options
    this.#outputTopics = outputTopicsOf(options.plan)
    this.#makesCalls = callersOf(options.plan).length > 0
    this.#log = new RebuildLog(options.input)
    const batch: OutputBatch = {
      records: 0,
      bytes: 0,
      append: (topic, partition, key, value, timestamp, headers) => {
        const at = { topic, partition }
        if (this.#held === null) this.#route(at, key, value, timestamp, headers)
        else
          this.#hold(this.#held, {
            ...at,
            offset: null,
            key: bufferOf(key),
            value: bufferOf(value),
            timestamp,
            headers,
          })
      },
    }
    this.#epochs = new Epochs(() => batch)
    this.#collector = new OutputCollector(this.#epochs, new Map(options.partitions))
  }

  /** @throws StreamsTopologyError when a processor makes calls and no answers are given, or reads a global table and no rows are given: those of then are not recorded */
  static async open(options: RebuildOptions): Promise<Rebuild> {
    const caller = callersOf(options.plan)[0]
    if (caller !== undefined && options.answers === undefined) throw new AnswersNotRecordedError(caller.name)
    const rebuild = new Rebuild(options)
    try {
      for (const id of options.taskIds) await rebuild.#open(id)
    } catch (error) {
      // Processors may be unable to close before their init(). The error says why they did not get that far.
      await rebuild.close().catch(() => undefined)
      throw error
    }
    return rebuild
  }

  /** The part of the input that is still to be read. */
  get missing(): readonly InputSpan[] {
    return this.#log.missing
  }

  /** Adds to the input and never removes any. */
  extend(input: readonly InputSpan[]): void {
    this.#log.extend(input)
    for (const { task } of this.#tasks) {
      task.calls?.askAgain()
      takeAnswers(task)
    }
  }

  /** Takes read records, and leaves those beyond the target for later. */
  feed(fetched: FetchedPartition): void {
    this.#log.feed(fetched)
  }

  /** Bytes read and not yet processed, of a partition. */
  bufferedBytes(at: TopicPartition): number {
    return this.#log.bufferedBytes(at)
  }

  /**
   * Processes up to `limit` input records, fewer when some partition has to be read first. Returns how many.
   * @throws PoisonedRecordError: note it, and begin again with empty stores
   */
  process(limit: number): number {
    let count = 0
    this.#drain()
    while (count < limit) {
      const next = this.#next()
      if (next === null) break
      count += next.task.process(1)
      takeAnswers(next.task)
      this.#drain()
    }
    return count
  }

  /**
   * Processes one record of one task, with caches flushed, and commits it. A record that throws is left out by the next step, as the
   * exception handlers say. False when some partition has to be read first, or nothing is left.
   * @throws RecordFailedError when a handler says `fail`; errors that are not the record's fault as they are
   */
  async step(watch: StepWatch): Promise<boolean> {
    const answering = this.#makesCalls ? this.#tasks.find(({ task }) => task.hasAnswers) : undefined
    if (answering !== undefined) return await this.#answerStep(answering, watch)
    const one = this.#nextStirred() ?? this.#next()
    const next = one?.task.nextRecord ?? null
    const queue = next === null ? undefined : one?.task.queues.find((candidate) => isSame(candidate, next))
    if (one === null || next === null || queue === undefined) return false
    const { head, headFault, headRaw } = queue
    const raw = headRaw as LogRecord
    const { taskId, topic, partition } = next
    watch.begin({ taskId, topic, partition, raw, head, fault: headFault, call: null })
    await this.#takeStep(one, next, raw, watch, () => one.task.process(1))
    return true
  }

  /** Processes one recorded answer: its record has had its own step. */
  async #answerStep(one: RebuildTask, watch: StepWatch): Promise<boolean> {
    const { task } = one
    const next = task.nextAnswer as TaskRecord
    const { taskId, topic, partition, offset, call = null } = next
    const raw = { offset, key: null, value: null, timestamp: -1, headers: NO_HEADERS }
    watch.begin({ taskId, topic, partition, raw, head: null, fault: null, call })
    await this.#takeStep(one, next, null, watch, () => task.answer(1))
    return true
  }

  /** @param raw the record if it goes back into its queue when the step throws; null: it was an answer */
  async #takeStep(
    one: RebuildTask,
    next: TaskRecord,
    raw: LogRecord | null,
    watch: StepWatch,
    work: () => unknown,
  ): Promise<void> {
    const held: HeldStep = { records: [], watch }
    this.#held = held
    try {
      work()
      one.task.flush()
      await this.#settle(one)
    } catch (error) {
      watch.end({ error }, false)
      const poisoned = poisonedBy(next, error, this.#options.config)
      if (poisoned === null) throw error
      this.#options.poisoned.add(poisoned)
      this.#epochs.next()
      this.#reopen(one, next, raw)
      return
    } finally {
      this.#held = null
    }
    for (const record of held.records) this.#pass(record)
    this.#epochs.next()
    watch.end(null, one.task.hasAnswers)
  }

  /** Everything up to the targets is processed. */
  get isDone(): boolean {
    return this.#tasks.every(({ task }) => task.queues.every((queue) => queue.isCaughtUp))
  }

  /** Changed rows that are not in the backends yet, bytes. */
  get dirtyBytes(): number {
    return this.#tasks.flatMap(({ stores }) => stores).reduce((sum, { store }) => sum + store.dirtyBytes(), 0)
  }

  /** Raises stream time to at least that, as an idle tick does, for tasks that hold results back; `-1` leaves a task alone. */
  closeUpTo(timeOf: (taskId: string) => number): void {
    this.#flush()
    for (const { task } of this.#tasks) {
      const time = timeOf(task.id)
      if (time < 0) continue
      task.time.closeUpTo(time)
      this.#drain()
    }
  }

  /** Flushes caches and writes all rows to the backends. */
  async commit(): Promise<void> {
    this.#flush()
    for (const one of this.#tasks) await this.#settle(one)
    this.#epochs.next()
  }

  /** Offsets and metadata as a commit would hold them now; of repartition topics the metadata alone counts. */
  captureOffsets(): readonly CommittedOffset[] {
    return this.#tasks.flatMap(({ task }) => task.captureOffsets())
  }

  async close(): Promise<void> {
    for (const { task, stores } of this.#tasks.splice(0)) {
      task.closeProcessors()
      await closeStores(stores)
    }
  }

  async #open(id: string): Promise<void> {
    const { plan, partitions, input } = this.#options
    const { partition } = parseTaskId(id)
    const taskStores = new TaskStores(plan, this.#options.openStore)
    const subtopology = taskStores.subtopology(id)
    const sources = [...subtopology.sourceTopics]
      .sort()
      .filter((topic) => partition < (partitions.get(topic) ?? 0))
      .map((topic): TaskSource => {
        const position = input.find((span) => isSame(span, { topic, partition }))?.from ?? 0
        return { topic, partition, position, partitionTime: -1, isCommitted: false }
      })
    const opened: RebuildTask = { task: this.#newTask(id, sources, new Map()), stores: [], hasInput: false }
    // The task may be opened again, and its stores stay.
    const context: StoreContext = {
      streamTime: () => opened.task.streamTime(),
      recordTimestamp: () => opened.task.recordTimestamp(),
      recordHeaders: () => opened.task.recordHeaders(),
    }
    opened.stores = await taskStores.open(id, context)
    opened.hasInput = sources.some((source) => input.some((span) => isSame(span, source)))
    this.#tasks.push(opened)
    opened.task.start(opened.stores.map(({ store }) => store))
    for (const source of sources) this.#log.addReader(source, source.position, opened)
  }

  #newTask(id: string, sources: readonly TaskSource[], numbers: Numbers): StreamTask {
    const { plan, partitions, config, poisoned, tickEnd } = this.#options
    const { partition } = parseTaskId(id)
    const subtopology = new TaskStores(plan, this.#options.openStore).subtopology(id)
    const { idleTicks } = subtopology
    return new StreamTask({
      subtopology,
      partition,
      taskCount: taskCountOf(subtopology.sourceTopics, partitions),
      sources,
      collector: this.#collector,
      clock: NO_TIME,
      metrics: this.metrics,
      config,
      poisoned,
      numbers,
      globalStores: this.#options.globalStores ?? { get: (name) => refuseGlobal(plan, name) },
      recordedAnswers: this.#options.answers,
      ...(idleTicks && { ticks: { ticks: [], end: tickEnd({ topic: idleTicks.topic, partition }) } }),
    })
  }

  /** Puts a new task in the place of one that this record has left half way, as of the step before. */
  #reopen(one: RebuildTask, failed: TopicPartition, raw: LogRecord | null): void {
    const before = one.task
    const metadata = before.captureOffsets().map((captured) => decodeOffsetMetadata(captured.metadata).numbers)
    const left = before.queues.map((queue) => {
      const { rest } = queue
      // A cache may throw when the record has left its queue.
      if (raw === null || !isSame(queue, failed) || rest.from === raw.offset) return rest
      return { ...rest, from: raw.offset, records: [raw, ...rest.records] }
    })
    const sources = before.queues.map(({ topic, partition, partitionTime }, index): TaskSource => {
      return { topic, partition, position: left[index]?.from ?? 0, partitionTime, isCommitted: false }
    })
    before.discard()
    before.closeProcessors()
    one.task = this.#newTask(before.id, sources, mergeNumbers(metadata))
    one.task.start(one.stores.map(({ store }) => store))
    for (const rest of left) one.task.add(rest)
    one.task.beginCalls()
  }

  async #settle({ task, stores }: RebuildTask): Promise<void> {
    for (const { store, changelogTopic } of stores) {
      if (store.dirtyEntries() === 0) continue
      store.freeze((key, value, timestamp, headers) => {
        if (changelogTopic === null) return
        const at = { topic: changelogTopic, partition: task.partition }
        this.#options.onChangelog(at, Buffer.from(key, 'latin1'), value, timestamp, headers)
      })
      await store.settle(0)
    }
  }

  #hold({ records, watch }: HeldStep, record: RebuiltRecord): void {
    records.push(record)
    watch.wrote(record)
  }

  /** Invariant 1; null when some partition must be read before it is known, or nothing is left. */
  #next(): RebuildTask | null {
    let next: RebuildTask | null = null
    let smallest = Number.POSITIVE_INFINITY
    for (const one of this.#tasks) {
      if (!one.hasInput) continue
      if (!one.task.isProcessable) {
        if (one.task.queues.some((queue) => queue.isEmpty && !queue.isCaughtUp)) return null
        continue
      }
      const { nextTimestamp } = one.task
      if (nextTimestamp >= smallest) continue
      smallest = nextTimestamp
      next = one
    }
    return next
  }

  /** Processes what went through repartition topics; where input comes before it, that is left to process(). */
  #drain(): void {
    for (const one of this.#log.stirred) {
      this.#log.stirred.delete(one)
      const { task } = one
      if (!one.hasInput && task.calls === null) task.process(Number.POSITIVE_INFINITY)
      else
        while (one.hasInput ? this.#isLoopNext(task) : task.isProcessable) {
          task.process(1)
          takeAnswers(task)
        }
    }
  }

  /** The first task that has something to do with what was sent to it. */
  #nextStirred(): RebuildTask | null {
    for (const one of this.#log.stirred) {
      if (one.hasInput ? this.#isLoopNext(one.task) : one.task.isProcessable) return one
      this.#log.stirred.delete(one)
    }
    return null
  }

  #isLoopNext(task: StreamTask): boolean {
    const next = task.isProcessable ? task.nextRecord : null
    return next !== null && !this.#log.isInput(next)
  }

  /** One cache may hold back what another forwards, so this repeats until nothing moves any more. */
  #flush(): void {
    for (let sent = -1; sent !== this.#log.written; ) {
      sent = this.#log.written
      for (const { task } of this.#tasks) {
        task.flush()
        this.#drain()
      }
    }
  }

  #route(
    at: TopicPartition,
    key: Serialized | null,
    value: Serialized | null,
    timestamp: number,
    headers: Headers,
  ): void {
    this.#pass({ ...at, offset: null, key: bufferOf(key), value: bufferOf(value), timestamp, headers })
  }

  #pass(rebuilt: RebuiltRecord): void {
    const { topic, partition, key, value, timestamp, headers } = rebuilt
    if (!this.#log.append(rebuilt) && this.#outputTopics.has(topic))
      this.#options.onOutput({ topic, partition }, key, value, timestamp, headers)
  }
}

function outputTopicsOf({ subtopologies }: Plan): ReadonlySet<string> {
  const names = new Set<string>()
  for (const node of subtopologies.flatMap(({ nodes }) => nodes)) {
    if (node.type === 'sink' && typeof node.topic === 'string') names.add(node.topic)
  }
  return names
}

/** Global stores are open to every processor, so the plan does not tell which one reads them. */
function refuseGlobal({ globalStores }: Plan, name: string): undefined {
  if (!globalStores.some(({ store }) => store.spec.name === name)) return
  throw new StreamsTopologyError(
    `a topology that reads global tables cannot be processed again: the rows that ${name} had are not recorded`,
  )
}

function isSame(a: TopicPartition, b: TopicPartition): boolean {
  return a.topic === b.topic && a.partition === b.partition
}

/** Processes all recorded answers that are there: an answer may cause another call. */
function takeAnswers(task: StreamTask): void {
  while (task.hasAnswers) task.answer(Number.POSITIVE_INFINITY)
}
