import { messageOf, StreamsError, StreamsTopologyError, UserCodeError } from '../../state/ports/errors.ts'
import type { KeptNumber } from '../../state/ports/kept-number.ts'
import type { FlushedChange } from '../../state/ports/managed-store.ts'
import type { StateStore } from '../../state/ports/stores.ts'
import { answerOf, isThenable, refusedPromise } from '../../state/ports/thenable.ts'
import { isTimestamp, timestampProblem } from '../../state/ports/timestamp.ts'
import type { CallOperator, CallQueue, CallSettings } from '../../topology/async-call.ts'
import type { ProcessorNode, SinkNode } from '../../topology/plan.ts'
import type {
  Cancellable,
  CommitRequest,
  IdleListener,
  Processor,
  ProcessorContext,
  PunctuationType,
  Punctuator,
  RecordMetadata,
} from '../../topology/processor.ts'
import type { ProcessorMetrics } from '../../topology/processor-metrics.ts'
import type { StreamRecord } from '../../topology/record.ts'
import type { Unused } from '../../topology/sync.ts'
import type { OutputCollector } from '../commit/output-collector.ts'
import type { FailedRecords } from './failed-records.ts'

/** A node of a running task: whatever a record can be forwarded to. */
export interface TaskNode {
  readonly name: string
  process(record: StreamRecord<unknown, unknown>): void
}

/** The task, as the nodes in it see it. */
export interface TaskEnvironment {
  readonly applicationId: string
  readonly id: string
  readonly partition: number
  readonly taskCount: number
  readonly metrics: ProcessorMetrics
  /** The record the current node works on: what plain stores take timestamps and headers from. */
  current: StreamRecord<unknown, unknown> | null
  readonly failed: Pick<FailedRecords, 'node'>
  storeOf(node: ProcessorNode, name: string): StateStore
  keptNumber(node: ProcessorNode, storeName: string, name: string): KeptNumber
  onFlush(storeName: string, listener: (change: FlushedChange<unknown, unknown>) => void): void
  beforeCommit(node: string, listener: () => Unused): void
  onIdleTick(node: string, listener: IdleListener): void
  schedule(node: string, intervalMs: number, type: PunctuationType, punctuator: Punctuator): Cancellable
  openCalls(node: string, operator: CallOperator, settings: CallSettings): CallQueue
  requestCommit(request?: CommitRequest): void
  recordMetadata(): RecordMetadata | null
  streamTime(): number
  now(): number
  drop(reason: string): void
}

export class SinkTaskNode implements TaskNode {
  readonly name: string
  readonly #node: SinkNode
  readonly #task: TaskEnvironment
  readonly #collector: OutputCollector

  constructor(node: SinkNode, task: TaskEnvironment, collector: OutputCollector) {
    this.name = node.name
    this.#node = node
    this.#task = task
    this.#collector = collector
  }

  process(record: StreamRecord<unknown, unknown>): void {
    try {
      this.#collector.send(this.#node, record)
    } catch (error) {
      this.#task.failed.node ??= this.name
      throw error
    }
  }
}

/** A processor and its context in one: forward() is the hottest call of the program. */
export class ProcessorTaskNode implements TaskNode, ProcessorContext {
  readonly name: string
  readonly applicationId: string
  readonly taskId: string
  readonly partition: number
  readonly taskCount: number
  readonly #node: ProcessorNode
  readonly #task: TaskEnvironment
  readonly #processor: Processor
  /** Set once by the task when all nodes exist. */
  children: readonly TaskNode[] = []

  constructor(node: ProcessorNode, task: TaskEnvironment) {
    this.name = node.name
    this.#node = node
    this.#task = task
    this.applicationId = task.applicationId
    this.taskId = task.id
    this.partition = task.partition
    this.taskCount = task.taskCount
    this.#processor = node.supplier()
    if (typeof this.#processor?.process !== 'function') throw notAProcessor(node.name, this.#processor)
  }

  get nodeName(): string {
    return this.name
  }

  get metrics(): ProcessorMetrics {
    return this.#task.metrics
  }

  init(): void {
    try {
      answerOf<unknown>('init() of', this.#processor.init?.(this), this.name)
    } catch (error) {
      if (error instanceof StreamsError) throw error
      const message = `task ${this.taskId}: init() of ${this.name} failed: ${messageOf(error)}`
      throw new UserCodeError(message, { cause: error })
    }
  }

  close(): void {
    answerOf<unknown>('close() of', this.#processor.close?.(), this.name)
  }

  process(record: StreamRecord<unknown, unknown>): void {
    try {
      answerOf<unknown>('process() of', this.#processor.process(record), this.name)
    } catch (error) {
      this.#task.failed.node ??= this.name
      throw error
    }
  }

  /**
   * @throws UserCodeError for an invalid record (a wrong time, a promise as key or value), and when no record is being processed:
   * such an output would be in no commit, or in another record's
   */
  forward(record: StreamRecord<unknown, unknown>, childName?: string): void {
    const task = this.#task
    const before = task.current
    if (before === null)
      throw new UserCodeError(`${this.name} called forward() while it had no record to process (after an await?)`)
    // The timestamp of the current record has been checked already.
    if (record.timestamp !== before.timestamp && !isTimestamp(record.timestamp)) throw this.#refuse(record)
    if (isThenable(record.value) || isThenable(record.key)) throw this.#refuse(record)
    task.current = record
    const { children } = this
    if (childName === undefined) {
      for (let i = 0; i < children.length; i++) (children[i] as TaskNode).process(record)
    } else {
      const child = children.find((candidate) => candidate.name === childName)
      if (child === undefined) throw new StreamsTopologyError(`${this.name} has no child named ${childName}`)
      child.process(record)
    }
    task.current = before
  }

  store<S extends StateStore>(name: string): S {
    return this.#task.storeOf(this.#node, name) as S
  }

  keptNumber(storeName: string, name: string): KeptNumber {
    return this.#task.keptNumber(this.#node, storeName, name)
  }

  schedule(intervalMs: number, type: PunctuationType, punctuator: Punctuator): Cancellable {
    return this.#task.schedule(this.name, intervalMs, type, punctuator)
  }

  beforeCommit(listener: () => Unused): void {
    this.#task.beforeCommit(this.name, listener)
  }

  commit(request?: CommitRequest): void {
    this.#task.requestCommit(request)
  }

  recordMetadata(): RecordMetadata | null {
    return this.#task.recordMetadata()
  }

  currentStreamTimeMs(): number {
    return this.#task.streamTime()
  }

  currentSystemTimeMs(): number {
    return this.#task.now()
  }

  drop(reason: string): void {
    this.#task.drop(reason)
  }

  onStoreFlush(storeName: string, listener: (change: FlushedChange<unknown, unknown>) => void): void {
    this.#task.onFlush(storeName, listener)
  }

  onIdleTick(listener: IdleListener): void {
    this.#task.onIdleTick(this.name, listener)
  }

  openCalls(operator: CallOperator, settings: CallSettings): CallQueue {
    return this.#task.openCalls(this.name, operator, settings)
  }

  #refuse({ key, value, timestamp }: StreamRecord<unknown, unknown>): UserCodeError {
    if (isThenable(value) || isThenable(key))
      return refusedPromise(`a function of ${this.name}`, isThenable(value) ? value : key)
    return new UserCodeError(`${this.name} forwards a record with a wrong timestamp: ${timestampProblem(timestamp)}`)
  }
}

function notAProcessor(name: string, supplied: unknown): Error {
  const supplier = `the supplier of ${name}`
  if (isThenable(supplied)) return refusedPromise(supplier, supplied)
  return new StreamsTopologyError(`${supplier} must return an object with a function process()`)
}
