import type { CallOperator, CallQueue, CallSettings } from '../../topology/async-call.ts'
import { type CallEnvironment, NodeCalls } from './node-calls.ts'
import type { RecordPlace } from './poisoned-records.ts'

/** The calls of all nodes of one task. */
export class TaskCalls {
  readonly #nodes: NodeCalls[] = []

  open(node: string, operator: CallOperator, settings: CallSettings, task: CallEnvironment): CallQueue {
    const calls = new NodeCalls(node, operator, settings, task)
    this.#nodes.push(calls)
    return calls
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

  captured(): void {
    for (const node of this.#nodes) node.captured()
  }

  settled(): void {
    for (const node of this.#nodes) node.settled()
  }

  close(): void {
    for (const node of this.#nodes) node.close()
  }
}
