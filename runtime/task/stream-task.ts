import { UserCodeError } from '../../state/ports/errors.ts'
import { type Headers, NO_HEADERS } from '../../state/ports/headers.ts'
import type { KeptNumber } from '../../state/ports/kept-number.ts'
import type { FlushedChange, ManagedStore, StoreContext } from '../../state/ports/managed-store.ts'
import type { StateStore } from '../../state/ports/stores.ts'
import type { CallOperator, CallQueue, CallSettings } from '../../topology/async-call.ts'
import type { ProcessorNode } from '../../topology/plan.ts'
import type {
  Cancellable,
  CommitRequest,
  IdleListener,
  PunctuationType,
  Punctuator,
  RecordMetadata,
} from '../../topology/processor.ts'
import type { ProcessorMetrics } from '../../topology/processor-metrics.ts'
import type { StreamRecord } from '../../topology/record.ts'
import type { Unused } from '../../topology/sync.ts'
import type { Epochs } from '../commit/epochs.ts'
import { OffsetLedger } from '../commit/offset-ledger.ts'
import type { CommittedOffset, FetchedPartition, LogRecord } from '../ports/log.ts'
import { ConnectedStores } from './connected-stores.ts'
import { RecordRetryError, stageOf } from './exception-handlers.ts'
import { FailedRecords } from './failed-records.ts'
import { mayProcess, nextQueue } from './next-queue.ts'
import type { TaskRecord } from './poisoned-records.ts'
import { type HeadFault, RecordQueue } from './record-queue.ts'
import type { StreamTaskOptions } from './stream-task-options.ts'
import { TaskCalls } from './task-calls.ts'
import { sourceNodeOf, TaskGraph } from './task-graph.ts'
import { taskId } from './task-id.ts'
import type { TaskEnvironment, TaskNode } from './task-node.ts'
import { TaskTime } from './task-time.ts'
import { traceSources } from './traced-source.ts'

/*
 * Owns one subtopology of one partition: record queues, nodes, stores, time.
 * Everything here is synchronous; the commit cycle and the stream thread drive it.
 * 1. The record with the smallest head timestamp goes first, ties by order of the sources (deterministic, architecture 6).
 * 2. A partition with nothing buffered is waited for only while it is known to hold more.
 * 3. A record is wholly processed or not at all between two captures of offsets (architecture 2). When a processor throws, the
 *    task is left half way and must be dropped: it never goes on from there.
 */
export class StreamTask implements TaskEnvironment, StoreContext {
  readonly id: string
  readonly applicationId: string
  readonly partition: number
  readonly taskCount: number
  current: StreamRecord<unknown, unknown> | null = null
  /** Timestamp of the last processed record, for latency samples. */
  lastTimestamp = -1
  readonly failed: FailedRecords
  readonly metrics: ProcessorMetrics
  readonly time: TaskTime

  readonly #options: StreamTaskOptions
  readonly #epochs: Epochs
  readonly #queues: RecordQueue[]
  readonly #stores: ConnectedStores
  readonly #ledger: OffsetLedger
  #graph: TaskGraph | null = null
  #processing: RecordQueue | null = null
  /** Calls of its nodes; null in a topology without any. */
  #calls: TaskCalls | null = null
  /** True while processors are made and init() runs, which may write to stores. */
  #starting = false

  constructor(options: StreamTaskOptions) {
    const { subtopology, partition, sources } = options
    this.#options = options
    this.#epochs = options.collector.epochs
    this.id = taskId(subtopology.id, partition)
    this.applicationId = options.config.applicationId
    this.partition = partition
    this.taskCount = options.taskCount
    this.failed = new FailedRecords(this.id, options)
    this.metrics = options.metrics.user.ofTask(this.id)
    this.#stores = new ConnectedStores(options, this)
    this.#queues = sources.map((source) => new RecordQueue(sourceNodeOf(subtopology, source.topic), source))
    const committed = sources.filter(({ isCommitted }) => isCommitted)
    this.#ledger = new OffsetLedger({
      queues: this.#queues,
      committed: new Map(committed.map(({ topic, position }) => [topic, position])),
      numbers: options.numbers ?? new Map(),
    })
    this.time = new TaskTime(options, this, this.#queues, this.#ledger.marks)
  }

  get stores(): readonly ManagedStore[] {
    return this.#stores.all
  }

  /** Source partitions, in the order that breaks ties. */
  get queues(): readonly RecordQueue[] {
    return this.#queues
  }

  /** Makes the nodes and calls init() of the processors. The stores must be restored. */
  start(stores: readonly ManagedStore[]): void {
    this.#stores.add(stores)
    this.#starting = true
    this.#graph = new TaskGraph(this.#options.subtopology, this, this.#options.collector)
    this.#graph.init()
    this.#starting = false
    const { tracer } = this.#options
    if (tracer !== undefined) {
      traceSources(this.#graph, { tracer, task: this, processing: () => this.#processing as RecordQueue })
    }
  }

  add(fetched: FetchedPartition): void {
    const { topic, partition } = fetched
    const queue = this.#queues.find((one) => one.topic === topic && one.partition === partition)
    if (queue === undefined) return
    this.#options.placement?.check(queue.source, fetched)
    queue.add(fetched)
  }

  /**
   * True when a record is buffered that precedes every pending tick, and no empty partition is known to hold more (invariant 2).
   * False while as many calls wait for their answers as may.
   */
  get isProcessable(): boolean {
    return (this.#calls === null || !this.#calls.isFull) && mayProcess(this.#queues, this.time.ticks)
  }

  /** Timestamp of the next record; -Infinity when it is left out, +Infinity when nothing is buffered. */
  get nextTimestamp(): number {
    return this.#next()?.headTimestamp ?? Number.POSITIVE_INFINITY
  }

  /** The next record to process. */
  get nextRecord(): TaskRecord | null {
    const queue = this.#next()
    if (queue === null) return null
    const { offset } = queue.headRaw as LogRecord
    return { taskId: this.id, topic: queue.topic, partition: queue.partition, offset }
  }

  /**
   * Processes up to `limit` records, or leaves them out when they are invalid. Stops early when not processable. Returns how many.
   * @throws PoisonedRecordError for whatever a processor or sink throws, when the exception handler says that the task goes on;
   * else RecordFailedError; errors that are not the record's fault as they are
   */
  process(limit: number): number {
    let count = 0
    let leftOut = 0
    this.time.repeatTicks()
    while (count < limit && this.isProcessable) {
      const queue = this.#next() as RecordQueue
      if (queue.headFault === null) this.#processOne(queue)
      else {
        this.#leaveOut(queue, queue.headFault)
        leftOut++
      }
      count++
      this.time.repeatTicks()
    }
    if (count > leftOut) this.time.processed()
    this.#calls?.begin()
    return count
  }

  /** Answers of calls are there to be processed. */
  get hasAnswers(): boolean {
    return this.#calls?.hasAnswers ?? false
  }

  /**
   * Processes up to `limit` answers of calls. Returns how many.
   * @throws as process(); a call that fails for good throws only when the exception handler says `fail`
   */
  answer(limit: number): number {
    return this.#calls?.answer(limit) ?? 0
  }

  /** Begins the calls that wait for nothing. process() and answer() do it as well. */
  beginCalls(): void {
    this.#calls?.begin()
  }

  /** The call whose answer is the next to be processed. */
  get nextAnswer(): TaskRecord | null {
    const place = this.#calls?.nextPlace ?? null
    return place === null ? null : { taskId: this.id, ...place }
  }

  /** Its calls that are not answered; null in a topology without any. */
  get calls(): Pick<TaskCalls, 'nodes' | 'isRunning' | 'isWaiting' | 'deadline' | 'letTimePass' | 'askAgain'> | null {
    return this.#calls
  }

  /** Forwards what caching stores, and processors, hold back until the commit. @throws UserCodeError when a node behind a store throws: it names both */
  flush(): void {
    this.#stores.flush()
  }

  /**
   * Returns the offsets that moved since the last capture, for the commit of the ending epoch; all of them when the task has done more than
   * its input says.
   * @param hasEffects the epoch writes something
   */
  captureOffsets(hasEffects = false): CommittedOffset[] {
    const { marks } = this.#ledger
    const closedBefore = marks.get('$windows.closed') ?? -1
    const closed = this.#stores.closedUpTo(closedBefore)
    if (closed > closedBefore) marks.set('$windows.closed', closed)
    const hasPunctuated = this.time.captured()
    const hasAnswered = this.#calls?.captured() ?? false
    return this.#ledger.capture(hasEffects && (hasAnswered || hasPunctuated))
  }

  /** Notes that the captured offsets are committed and visible. */
  settled(): void {
    this.#ledger.settled()
    this.#calls?.settled()
  }

  /** Records of the input, by position, that committed state does not show yet. */
  get lag(): number {
    return this.#ledger.lag
  }

  /** Position in a source topic that committed state shows; null when there is none. */
  visible(topic: string): number | null {
    return this.#ledger.visible(topic)
  }

  /** True when a position moved since the last capture, even if only past markers, or was never committed. */
  get hasMoved(): boolean {
    return this.#ledger.hasMoved
  }

  /** Drops uncommitted state of the stores; the task must be reopened. */
  discard(): void {
    this.#calls?.close()
    this.#stores.discard()
  }

  closeProcessors(): void {
    this.#calls?.close()
    this.#graph?.close()
    this.#options.metrics.user.taskClosed(this.id)
  }

  // TaskEnvironment, which the nodes use

  storeOf(node: ProcessorNode, name: string): StateStore {
    return this.#stores.apiFor(node, name)
  }

  keptNumber(node: ProcessorNode, storeName: string, name: string): KeptNumber {
    return this.#stores.keptNumber(node, storeName, name)
  }

  onFlush(storeName: string, listener: (change: FlushedChange<unknown, unknown>) => void): void {
    this.#stores.onFlush(storeName, listener)
  }

  beforeCommit(node: string, listener: () => Unused): void {
    this.#stores.beforeCommit(node, listener)
  }

  onIdleTick(node: string, listener: IdleListener): void {
    this.time.onIdleTick(node, listener)
  }

  schedule(node: string, intervalMs: number, type: PunctuationType, punctuator: Punctuator): Cancellable {
    return this.time.schedule(node, intervalMs, type, punctuator)
  }

  openCalls(node: string, operator: CallOperator, settings: CallSettings): CallQueue {
    this.#calls ??= new TaskCalls(this.#options, this)
    return this.#calls.open(node, operator, settings)
  }

  requestCommit({ ifCaughtUp = false }: CommitRequest = {}): void {
    if (ifCaughtUp) this.#epochs.live.isAwaited = true
    else this.#epochs.live.commitRequested = true
  }

  recordMetadata(): RecordMetadata | null {
    const queue = this.#processing
    if (queue?.headRaw == null) return this.#calls?.answeredPlace ?? null
    return { topic: queue.topic, partition: queue.partition, offset: queue.headRaw.offset }
  }

  /** The queue whose head is being processed; null when none is. */
  processing(): RecordQueue | null {
    return this.#processing
  }

  now(): number {
    return this.#options.clock.now()
  }

  drop(reason: string): void {
    this.#options.metrics.dropped.add(reason)
  }

  // StoreContext, for the stores

  streamTime(): number {
    return this.time.now
  }

  /** Stores ask at each write. @throws UserCodeError when nothing is being processed: no commit would be that write's own */
  recordTimestamp(): number {
    const { current } = this
    if (current !== null) return current.timestamp
    if (this.#starting) return Math.max(this.time.now, 0)
    throw new UserCodeError(
      `task ${this.id}: a store was written while no record was being processed (after an await?)`,
    )
  }

  recordHeaders(): Headers {
    return this.current?.headers ?? NO_HEADERS
  }

  #next(): RecordQueue | null {
    return nextQueue(this.#queues, this.time.ticks)
  }

  #processOne(queue: RecordQueue): void {
    const head = queue.head as StreamRecord<unknown, unknown>
    const raw = queue.headRaw as LogRecord
    if (queue.source.deviceClock === undefined) this.time.advance(head.timestamp)
    const poisoned = this.#options.poisoned.isEmpty ? null : this.#options.poisoned.cause(queue, raw.offset)
    if (poisoned === null) this.#pass(queue, head, raw)
    else this.#leaveOutPoisoned(queue, raw, poisoned.error)
    const { live } = this.#epochs
    live.inputBytes += queue.headBytes
    live.processed++
    this.lastTimestamp = head.timestamp
    this.#ledger.count()
    queue.pop()
    this.#options.metrics.recordsProcessed.add(queue.topic)
    this.time.punctuateStreamTime()
  }

  #leaveOutPoisoned(queue: RecordQueue, raw: LogRecord, error: unknown): void {
    try {
      this.failed.leaveOut(stageOf(error), queue, raw, error)
    } catch (instead) {
      if (instead instanceof RecordRetryError) this.#options.poisoned.forget(queue, raw.offset)
      throw instead
    }
  }

  /** Takes one step, as a processed record does: it counts for slices, for the epoch's size and as buffered until then. */
  #leaveOut(queue: RecordQueue, fault: HeadFault): void {
    const raw = queue.headRaw as LogRecord
    if (fault.type === 'dropped') this.#options.metrics.dropped.add(fault.reason)
    else this.failed.leaveOut('deserialization', queue, raw, fault.error)
    this.#epochs.live.inputBytes += queue.headBytes
    queue.pop()
  }

  #pass(queue: RecordQueue, head: StreamRecord<unknown, unknown>, raw: LogRecord): void {
    this.#processing = queue
    this.current = head
    try {
      if (queue.source.deviceClock !== undefined) this.time.observe(queue.source.deviceClock, head)
      const children = this.#graph?.childrenOf(queue.source.name) ?? []
      for (let i = 0; i < children.length; i++) (children[i] as TaskNode).process(head)
    } catch (error) {
      throw this.failed.blame(queue, raw, error)
    } finally {
      this.current = null
      this.#processing = null
    }
  }
}
