import type { CallOperator, CallQueue, CallSettings, CallSource } from '../../topology/async-call.ts'
import type { RecordMetadata } from '../../topology/processor.ts'
import type { StreamRecord } from '../../topology/record.ts'
import type { FailedRecords } from './failed-records.ts'
import { NodeCalls } from './node-calls.ts'
import type { RecordPlace } from './poisoned-records.ts'
import type { RecordQueue } from './record-queue.ts'
import type { StreamTaskOptions } from './stream-task-options.ts'
import type { TaskEnvironment } from './task-node.ts'

/** The task whose calls they are. */
export interface CallingTask extends Pick<TaskEnvironment, 'id' | 'current'> {
  readonly failed: FailedRecords
  /** The queue whose head is being processed; null when none is. */
  processing(): RecordQueue | null
}

/*
 * Owns the calls of one task, node by node, and the place of the record whose answer is being processed.
 */
export class TaskCalls {
  readonly #options: StreamTaskOptions
  readonly #task: CallingTask
  readonly #nodes: NodeCalls[] = []
  /** Input record of the call whose answer is being processed. */
  #answered: RecordPlace | null = null
  /** An answer was processed since the last capture of offsets. */
  #hasAnswered = false

  constructor(options: StreamTaskOptions, task: CallingTask) {
    this.#options = options
    this.#task = task
  }

  open(node: string, operator: CallOperator, settings: CallSettings): CallQueue {
    const { clock, config, poisoned, partition, subtopology, collector, metrics } = this.#options
    const { recordedAnswers, onAnswer = () => undefined } = this.#options
    const { id, failed } = this.#task
    const calls = new NodeCalls(node, operator, settings, {
      ...{ taskId: id, clock, config, poisoned, failed, attempts: metrics.callAttempts, onAnswer },
      recorded: recordedAnswers?.of(node, partition) ?? null,
      source: () => this.#source(),
      isInput: (topic) => !subtopology.repartitionSourceTopics.includes(topic),
      write: (topic, ...record) => collector.epochs.live.append(topic, partition, ...record),
      within: (current, place, work) => this.#within(current, place, work),
    })
    this.#nodes.push(calls)
    return calls
  }

  /** Place of the record whose answer is being processed; null when none is. */
  get answeredPlace(): RecordMetadata | null {
    if (this.#answered === null || this.#answered.offset < 0) return null
    const { topic, partition, offset } = this.#answered
    return { topic, partition, offset }
  }

  get nodes(): readonly NodeCalls[] {
    return this.#nodes
  }

  /** The bound of waiting calls of some node is reached. */
  get isFull(): boolean {
    return this.#nodes.some((node) => node.isFull)
  }

  /** Some record is not answered yet. */
  get isWaiting(): boolean {
    return this.#nodes.some(({ unanswered }) => unanswered > 0)
  }

  get isRunning(): boolean {
    return this.#nodes.some(({ running }) => running > 0)
  }

  get hasAnswers(): boolean {
    return this.#nodes.some((node) => node.hasAnswers)
  }

  /** Clock.monotonic(); +Infinity: never. */
  get deadline(): number {
    let deadline = Number.POSITIVE_INFINITY
    for (const node of this.#nodes) deadline = Math.min(deadline, node.deadline)
    return deadline
  }

  letTimePass(): void {
    for (const node of this.#nodes) node.letTimePass()
    this.begin()
  }

  begin(): void {
    for (const node of this.#nodes) node.begin()
  }

  /** Processes up to `limit` answers. Returns how many. @throws as StreamTask.process */
  answer(limit: number): number {
    let count = 0
    for (const node of this.#nodes) while (count < limit && node.answerNext()) count++
    this.begin()
    return count
  }

  /** The call whose answer would be the next. */
  get nextPlace(): RecordPlace | null {
    for (const node of this.#nodes) {
      if (node.hasAnswers) return node.nextPlace
    }
    return null
  }

  /** Where input is processed again: more answers may be recorded by now. */
  askAgain(): void {
    for (const node of this.#nodes) node.askAgain()
    this.begin()
  }

  /** True when an answer was processed since the last capture of offsets. */
  captured(): boolean {
    for (const node of this.#nodes) node.captured()
    const hasAnswered = this.#hasAnswered
    this.#hasAnswered = false
    return hasAnswered
  }

  settled(): void {
    for (const node of this.#nodes) node.settled()
  }

  close(): void {
    for (const node of this.#nodes) node.close()
  }

  #source(): CallSource | null {
    const queue = this.#task.processing()
    if (queue?.headRaw == null) return null
    const { offset, timestamp, key, value, headers } = queue.headRaw
    return { topic: queue.topic, partition: queue.partition, offset, timestamp, key, value, headers }
  }

  #within(current: StreamRecord<unknown, unknown>, place: RecordPlace, work: () => void): void {
    this.#hasAnswered = true
    this.#task.current = current
    this.#answered = place
    try {
      work()
    } finally {
      this.#task.current = null
      this.#answered = null
    }
  }
}
