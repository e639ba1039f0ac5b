import { AsyncCallError, AsyncTimeoutError, messageOf, SerdeError, TaskClosedError } from '../../state/ports/errors.ts'
import { type Headers, NO_HEADERS } from '../../state/ports/headers.ts'
import type { Serialized } from '../../state/ports/serde.ts'
import type { CallOperator, CallQueue, CallSettings, CallSource, UnansweredCall } from '../../topology/async-call.ts'
import { record, type StreamRecord } from '../../topology/record.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { LabelledCounter } from '../thread/thread-metrics.ts'
import { RecordRetryError, stageOf } from './exception-handlers.ts'
import type { FailedRecords } from './failed-records.ts'
import type { PoisonedRecords, RecordPlace } from './poisoned-records.ts'
import { answerHeaders, callName, leftOutHeaders, type RecordedCalls, type RecordedEnd } from './recorded-answers.ts'

/** The task, as its calls see it. */
export interface CallEnvironment {
  readonly taskId: string
  readonly clock: Clock
  readonly config: Pick<StreamsConfig, 'processingGuarantee'>
  readonly poisoned: PoisonedRecords
  readonly failed: FailedRecords
  /** Attempts, by `node\u0000outcome`. */
  readonly attempts: LabelledCounter
  /** An attempt has ended: there may be an answer to process. */
  readonly onAnswer: () => void
  /** Where input is processed again: no call is made. */
  readonly recorded: RecordedCalls | null
  source(): CallSource | null
  isInput(topic: string): boolean
  /** Writes to the task's partition of the topic, in the live epoch. */
  write(topic: string, key: Buffer | null, value: Serialized | null, timestamp: number, headers: Headers): void
  /** Works in the task's turn: stores take time and headers from the record. */
  within(current: StreamRecord<unknown, unknown>, place: RecordPlace, work: () => void): void
}

/** Beyond the sequence of every call that waits for its answer. */
const FIRST_SEQUENCE_AGAIN = 2 ** 40

type Outcome = { readonly answer: unknown } | { readonly error: unknown } | RecordedEnd

interface Call extends UnansweredCall {
  readonly place: RecordPlace & { readonly call: string }
  attempt: number
  /** That of the attempt that is running; null: none is. */
  running: AbortController | null
  record: StreamRecord<unknown, unknown> | null
  /** When the running attempt is over, or the pause before the next one, Clock.monotonic(). */
  due: number
  outcome: Outcome | null
  /** Its recorded end, where input is processed again. */
  taken: RecordedEnd | null
}

/*
 * Owns the calls of one node of a task: who waits for whom, which attempts are running, and the answers that came.
 *
 * 1. A call is in one of five states: behind another call of its key, ready, running, pausing before another attempt, ended.
 * 2. Attempts begin and answers are processed in the task's turn only. An attempt's end, whenever it comes, does no more than note its
 *    outcome; that of an attempt that is over (time limit, task closed) does nothing.
 * 3. A call leaves with the effects of its answer, or with the decision of the exception handler, in one epoch. When they throw it stays.
 * 4. Under at_least_once nothing holds outputs and rows together, so a row is deleted only when the effects are committed.
 * 5. `nextDue` is no later than the first of all due times.
 * 6. The end of a call is recorded in the epoch in which the call leaves. Where input is processed again, a call has its recorded end at
 *    once, and one that is still unanswered waits for good.
 */
export class NodeCalls implements CallQueue {
  readonly node: string
  readonly #operator: CallOperator
  readonly #settings: CallSettings
  readonly #task: CallEnvironment
  /** All unanswered calls, in the order of their sequence. */
  readonly #calls = new Map<number, Call>()
  /** Calls by key, the first of which is not held up by another. Empty without order. */
  readonly #lines = new Map<string, Call[]>()
  readonly #ready: Call[] = []
  /** Calls that are running or pausing. */
  readonly #timed = new Set<Call>()
  readonly #ended: Call[] = []
  #running = 0
  #bytes = 0
  #nextDue = Number.POSITIVE_INFINITY
  #isClosed = false
  /** Calls whose effects are in the live epoch, in the one on its way, and in committed ones with the row still there. */
  #done: Call[] = []
  #captured: Call[] = []
  #leftRows: Call[] = []
  /** Calls without a recorded end. */
  #unanswered: Call[] = []

  constructor(node: string, operator: CallOperator, settings: CallSettings, task: CallEnvironment) {
    this.node = node
    this.#operator = operator
    this.#settings = settings
    this.#task = task
  }

  // CallQueue

  source(): CallSource | null {
    return this.#task.source()
  }

  add(unanswered: UnansweredCall): void {
    const { sequence, key, row, topic, partition, offset, index } = unanswered
    const place = { topic, partition, offset, call: `${this.node}#${index}` }
    const call: Call = {
      ...unanswered,
      place,
      attempt: 0,
      running: null,
      record: null,
      due: 0,
      outcome: null,
      taken: null,
    }
    this.#calls.set(sequence, call)
    this.#bytes += row.length
    if (key === null || this.#settings.order === 'none') {
      this.#ready.push(call)
      return
    }
    const line = this.#lines.get(key)
    if (line !== undefined) {
      line.push(call)
      return
    }
    this.#lines.set(key, [call])
    this.#ready.push(call)
  }

  knownSequence(call: UnansweredCall): number | null {
    return this.#task.recorded?.sequenceOf(this.#nameOf(call)) ?? null
  }

  get firstSequence(): number {
    return this.#task.recorded === null ? 0 : FIRST_SEQUENCE_AGAIN
  }

  // TaskCalls

  get unanswered(): number {
    return this.#calls.size
  }

  get running(): number {
    return this.#running
  }

  /** The bound of waiting calls is reached: the task takes in no more. */
  get isFull(): boolean {
    if (this.#task.recorded !== null) return false
    return this.#calls.size >= this.#settings.maxWaiting || this.#bytes >= this.#settings.maxWaitingBytes
  }

  /** Something can be done in the task's turn. */
  get hasAnswers(): boolean {
    return this.#nextEnded() !== null || this.#leftRows.length > 0
  }

  /** When something is due though no answer comes, Clock.monotonic(); -Infinity: now. */
  get deadline(): number {
    if (this.#canBegin) return Number.NEGATIVE_INFINITY
    return this.#timed.size === 0 ? Number.POSITIVE_INFINITY : this.#nextDue
  }

  /** Ends attempts whose time is up, and pauses. */
  letTimePass(): void {
    const now = this.#task.clock.monotonic()
    if (now < this.#nextDue) return
    this.#nextDue = Number.POSITIVE_INFINITY
    for (const call of [...this.#timed]) {
      if (call.due > now) this.#nextDue = Math.min(this.#nextDue, call.due)
      else if (call.running === null) {
        this.#timed.delete(call)
        this.#ready.unshift(call)
      } else {
        const error = new AsyncTimeoutError(this.node, this.#settings.timeoutMs)
        const { running } = call
        this.#over(call, 'timeout')
        this.#failed(call, error)
        running.abort(error)
      }
    }
  }

  /** Begins the attempts that may. */
  begin(): void {
    while (this.#canBegin) this.#ask(this.#ready.shift() as Call)
  }

  /**
   * Processes the next answer, or what else is there to do. False when there is nothing.
   * @throws as StreamTask.process
   */
  answerNext(): boolean {
    const left = this.#leftRows.pop()
    if (left !== undefined) {
      this.#task.within(bare(this.#operator.sourceOf(left)), left.place, () => this.#operator.remove(left))
      return true
    }
    const call = this.#nextEnded()
    if (call === null) return false
    const { outcome } = call
    const poisoned = this.#poison(call)
    if (poisoned !== null) this.#leaveOut(call, poisoned.error)
    else if (outcome !== null && 'answer' in outcome) this.#pass(call, outcome.answer)
    else if (outcome !== null && 'leftOut' in outcome) this.#leaveOutAgain(call, outcome)
    else this.#leaveOut(call, outcome?.error)
    return true
  }

  /** The place of the next answer to process; null when a row is deleted first. */
  get nextPlace(): RecordPlace | null {
    return this.#leftRows.length > 0 ? null : (this.#nextEnded()?.place ?? null)
  }

  captured(): void {
    this.#captured.push(...this.#done)
    this.#done = []
  }

  /** The captured epoch is committed. */
  settled(): void {
    const { poisoned } = this.#task
    if (!poisoned.isEmpty) for (const call of this.#captured) poisoned.forget(call.place, call.offset)
    if (!this.#isExactlyOnce) this.#leftRows.push(...this.#captured)
    this.#captured = []
  }

  /** Nothing is processed any more, and whoever still works on an answer is told so. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const running = [...this.#timed].flatMap((call) => call.running ?? [])
    for (const call of this.#timed) call.running = null
    this.#timed.clear()
    this.#running = 0
    for (const controller of running) controller.abort(new TaskClosedError(this.#task.taskId))
    const { recorded } = this.#task
    if (recorded !== null)
      for (const call of this.#ended) if (call.taken !== null) recorded.giveBack(this.#nameOf(call), call.taken)
  }

  /** Where input is processed again: more ends may be recorded by now. */
  askAgain(): void {
    this.#ready.push(...this.#unanswered.splice(0))
  }

  get #isExactlyOnce(): boolean {
    return this.#task.config.processingGuarantee === 'exactly_once_v2' || this.#task.recorded !== null
  }

  get #canBegin(): boolean {
    return this.#ready.length > 0 && this.#running < this.#settings.concurrency && !this.#isClosed
  }

  #poison(call: Call): { readonly error: unknown } | null {
    const { poisoned } = this.#task
    return poisoned.isEmpty ? null : poisoned.cause(call.place, call.offset)
  }

  #nextEnded(): Call | null {
    if (this.#ended.length === 0) return null
    if (this.#settings.order !== 'partition') return this.#ended[0] as Call
    for (const first of this.#calls.values()) return first.outcome === null ? null : first
    return null
  }

  #ask(call: Call): void {
    const poisoned = this.#poison(call)
    if (poisoned !== null) {
      this.#end(call, poisoned)
      return
    }
    if (this.#task.recorded !== null) {
      this.#repeat(call, this.#task.recorded)
      return
    }
    const controller = new AbortController()
    call.attempt++
    call.running = controller
    call.due = this.#task.clock.monotonic() + this.#settings.timeoutMs
    this.#wake(call)
    this.#running++
    const isOver = (): boolean => call.running !== controller
    let answer: unknown
    try {
      call.record ??= this.#operator.recordOf(call)
      answer = this.#operator.ask(call, call.record, { signal: controller.signal, attempt: call.attempt })
    } catch (error) {
      answer = Promise.reject(error)
    }
    // A value that is there already is an answer like any other: it is processed in the task's next turn.
    Promise.resolve(answer).then(
      (value) => {
        if (isOver()) return
        this.#over(call, 'answered')
        this.#end(call, { answer: value })
      },
      (error: unknown) => {
        if (isOver()) return
        this.#over(call, 'failed')
        this.#failed(call, error)
        this.#task.onAnswer()
      },
    )
  }

  #repeat(call: Call, recorded: RecordedCalls): void {
    const end = recorded.take(this.#nameOf(call), call.place)
    if (end === 'unanswered') {
      this.#unanswered.push(call)
      return
    }
    call.taken = end
    if ('leftOut' in end) this.#end(call, end)
    else {
      try {
        call.record ??= this.#operator.recordOf(call)
        this.#end(call, { answer: this.#operator.readAnswer(end.answer) })
      } catch (error) {
        this.#end(call, { error })
      }
    }
  }

  #nameOf(call: UnansweredCall): string {
    return callName(call, this.#operator.sourceOf(call), this.#task.isInput(call.topic))
  }

  #wake(call: Call): void {
    this.#timed.add(call)
    this.#nextDue = Math.min(this.#nextDue, call.due)
  }

  #over(call: Call, outcome: string): void {
    call.running = null
    this.#running--
    this.#timed.delete(call)
    this.#task.attempts.add(`${this.node}\u0000${outcome}`)
  }

  #failed(call: Call, error: unknown): void {
    const { attempts, backoffMs, maxBackoffMs } = this.#settings
    let last = error
    try {
      // Bytes that a serde cannot read stay as they are.
      const isFinal = error instanceof SerdeError || call.attempt >= attempts
      if (!isFinal && this.#settings.isRetriable(error)) {
        this.#pause(call, Math.min(maxBackoffMs, backoffMs * 2 ** (call.attempt - 1)))
        return
      }
    } catch (instead) {
      last = instead
    }
    this.#end(call, { error: new AsyncCallError(this.node, call.attempt, last) })
  }

  #pause(call: Call, ms: number): void {
    call.due = this.#task.clock.monotonic() + ms
    this.#wake(call)
  }

  #end(call: Call, outcome: Outcome): void {
    call.outcome = outcome
    this.#ended.push(call)
    this.#task.onAnswer()
  }

  /** Invariant 3. */
  #pass(call: Call, answer: unknown): void {
    const asked = call.record as StreamRecord<unknown, unknown>
    this.#task.within(asked, call.place, () => {
      try {
        // Before anybody changes it.
        const bytes = this.#isRecording ? this.#operator.writeAnswer(answer) : null
        this.#operator.answered(asked, answer)
        this.#record(call, bytes, answerHeaders)
      } catch (error) {
        this.#task.failed.node ??= this.node
        const source = this.#operator.sourceOf(call)
        throw this.#task.failed.blame({ ...source, call: call.place.call }, source, error)
      }
      this.#remove(call)
    })
  }

  #leaveOut(call: Call, error: unknown): void {
    const source = this.#operator.sourceOf(call)
    try {
      const stage = error instanceof AsyncCallError ? 'processing' : stageOf(error)
      const isDeadLetter = this.#task.failed.leaveOut(stage, source, source, error) === 'dead-letter'
      this.#record(call, null, (name) => leftOutHeaders(name, messageOf(error), isDeadLetter))
    } catch (instead) {
      if (!(instead instanceof RecordRetryError)) throw instead
      this.#askAgain(call)
      return
    }
    this.#task.within(bare(source), call.place, () => this.#remove(call))
  }

  #leaveOutAgain(call: Call, { leftOut, isDeadLetter }: Extract<Outcome, { leftOut: string }>): void {
    const source = this.#operator.sourceOf(call)
    if (isDeadLetter) this.#task.failed.repeatLetter(source, source, leftOut)
    this.#task.within(bare(source), call.place, () => this.#remove(call))
  }

  get #isRecording(): boolean {
    return this.#operator.answersTopic !== null && this.#task.recorded === null
  }

  /** Invariant 6. */
  #record(call: Call, bytes: Serialized | null, headersOf: (name: string) => Headers): void {
    const { answersTopic } = this.#operator
    if (answersTopic === null || !this.#isRecording) return
    const key = call.key === null ? null : Buffer.from(call.key, 'latin1')
    const { timestamp } = this.#operator.sourceOf(call)
    this.#task.write(answersTopic, key, bytes, Math.max(timestamp, 0), headersOf(this.#nameOf(call)))
  }

  /** The handler wants the call to be tried again: as a new one, after the longest pause. */
  #askAgain(call: Call): void {
    this.#task.poisoned.forget(call.place, call.offset)
    this.#ended.splice(this.#ended.indexOf(call), 1)
    call.outcome = null
    call.attempt = 0
    this.#pause(call, this.#settings.maxBackoffMs)
  }

  #remove(call: Call): void {
    if (this.#isExactlyOnce) this.#operator.remove(call)
    this.#calls.delete(call.sequence)
    this.#bytes -= call.row.length
    this.#ended.splice(this.#ended.indexOf(call), 1)
    if (this.#task.recorded === null) this.#done.push(call)
    if (call.key === null) return
    const line = this.#lines.get(call.key)
    if (line === undefined) return
    line.shift()
    if (line.length === 0) this.#lines.delete(call.key)
    else this.#ready.push(line[0] as Call)
  }
}

function bare({ timestamp }: CallSource): StreamRecord<unknown, unknown> {
  return record(null, null, Math.max(timestamp, 0), NO_HEADERS)
}
