import { NO_HEADERS } from '../../state/ports/headers.ts'
import { answerOf } from '../../state/ports/thenable.ts'
import type { DeviceClock } from '../../topology/plan.ts'
import type { Cancellable, IdleListener, PunctuationType, Punctuator } from '../../topology/processor.ts'
import type { StreamRecord } from '../../topology/record.ts'
import type { Clock } from '../ports/clock.ts'
import type { FailedRecords } from './failed-records.ts'
import { IdleTicks } from './idle-ticks.ts'
import { Punctuations } from './punctuation.ts'
import type { RecordQueue } from './record-queue.ts'
import type { StreamTaskOptions } from './stream-task-options.ts'
import { StreamTime } from './stream-time.ts'
import type { TaskCalls } from './task-calls.ts'
import type { TaskMarks } from './task-marks.ts'
import type { TaskEnvironment } from './task-node.ts'
import { NO_TICKS } from './tick-log.ts'

/** The task whose time it is. */
export interface TimedTask extends Pick<TaskEnvironment, 'current'> {
  readonly failed: FailedRecords
  readonly calls: Pick<TaskCalls, 'isWaiting' | 'deadline' | 'letTimePass'> | null
  flush(): void
}

/*
 * Owns how time moves in one task, and what that fires: idle ticks, punctuators, and the time limits of calls.
 * 1. Stream time only grows, and only by records that passed deserialisation and check, or by idle ticks.
 * 2. Whatever fires has a record at hand that has nothing but its time: stores and outputs take that.
 */
export class TaskTime {
  /** null: the plan has none. */
  readonly ticks: IdleTicks | null
  readonly #clock: Clock
  readonly #task: TimedTask
  readonly #stream: StreamTime
  readonly #punctuations: Punctuations
  /** A punctuator fired since the last capture of offsets. */
  #hasPunctuated = false

  constructor(options: StreamTaskOptions, task: TimedTask, queues: readonly RecordQueue[], marks: TaskMarks) {
    const { subtopology, sources, clock } = options
    this.#clock = clock
    this.#task = task
    this.#stream = new StreamTime(queues, marks)
    this.#punctuations = new Punctuations(clock, (...firing) => this.#punctuate(...firing))
    const { idleTicks: plan, nodes } = subtopology
    const ends = sources.map(({ end }) => end ?? 0)
    const recorded = options.ticks ?? NO_TICKS
    this.ticks = plan === undefined ? null : new IdleTicks({ ...options, plan, nodes, queues, ends, recorded, marks })
    this.advance(this.ticks?.lastTime ?? -1)
  }

  /** Stream time, epoch ms; -1 before the first record. */
  get now(): number {
    return this.#stream.now
  }

  advance(to: number): void {
    this.#stream.advance(to)
  }

  /** @throws what the device clock throws */
  observe(clock: DeviceClock, record: StreamRecord<unknown, unknown>): void {
    this.#stream.observe(clock, record)
  }

  /** Records were processed: the task is not idle. */
  processed(): void {
    this.ticks?.processed(this.#stream.now)
  }

  onIdleTick(node: string, listener: IdleListener): void {
    this.ticks?.listen(node, listener)
  }

  schedule(node: string, intervalMs: number, type: PunctuationType, punctuator: Punctuator): Cancellable {
    return this.#punctuations.schedule(node, intervalMs, type, punctuator)
  }

  /** Recorded idle ticks take effect that the input has reached. */
  repeatTicks(): void {
    const { ticks } = this
    if (ticks === null) return
    for (let timestamp = ticks.reached(); timestamp !== null; timestamp = ticks.reached()) this.#tick(ticks, timestamp)
  }

  /** Moves stream time on when the input has been idle and an operator waits for it. True when it did. */
  tickIfIdle(): boolean {
    const { ticks } = this
    const streamTime = this.#stream.idleFrom
    if (ticks === null || streamTime < 0 || ticks.nextLook > this.#clock.monotonic()) return false
    // A tick must not make late what an answer brings.
    if (this.#task.calls?.isWaiting === true) return false
    this.#task.flush()
    const timestamp = ticks.newTick(streamTime)
    if (timestamp === null) return false
    ticks.record(timestamp)
    this.#tick(ticks, timestamp)
    return true
  }

  /** For a replay: closes again what the clock had closed, as a recorded idle tick does. */
  closeUpTo(timestamp: number): void {
    if (this.ticks !== null) this.#tick(this.ticks, timestamp)
  }

  /** Time of the next call of tickIfIdle() if nothing happens, Clock.monotonic(); +Infinity: only when something happens. */
  get nextIdleLook(): number {
    const { ticks } = this
    if (ticks === null || this.#stream.idleFrom < 0 || this.#task.calls?.isWaiting === true)
      return Number.POSITIVE_INFINITY
    return ticks.nextLook
  }

  /** Fires due wall-clock punctuators, and looks after the time limits of calls. True when a punctuator fired. */
  punctuateSystemTime(): boolean {
    this.#task.calls?.letTimePass()
    if (this.#punctuations.nextSystemTime > this.#clock.monotonic()) return false
    this.ticks?.stirred()
    return this.#punctuations.fireSystemTime()
  }

  /** Fires due stream-time punctuators. True when something fired. */
  punctuateStreamTime(): boolean {
    return this.#punctuations.fireStreamTime(this.#stream.now)
  }

  /** Time of the next wall-clock punctuator or deadline of a call, Clock.monotonic(); +Infinity when there is none. */
  get nextSystemPunctuation(): number {
    const { nextSystemTime } = this.#punctuations
    const { calls } = this.#task
    return calls === null ? nextSystemTime : Math.min(nextSystemTime, calls.deadline)
  }

  /** Saves its state for the commit of an ending epoch. True when a punctuator fired since the last one. */
  captured(): boolean {
    this.#stream.save()
    const hasPunctuated = this.#hasPunctuated
    this.#hasPunctuated = false
    return hasPunctuated
  }

  #tick(ticks: IdleTicks, timestamp: number): void {
    const task = this.#task
    this.advance(timestamp)
    task.current = recordOf(timestamp)
    try {
      ticks.tell(timestamp, () => task.flush())
    } catch (error) {
      throw task.failed.blameNode(`at the idle tick of ${timestamp}`, error)
    } finally {
      task.current = null
    }
    this.punctuateStreamTime()
  }

  #punctuate(node: string, punctuator: Punctuator, timestamp: number): void {
    const task = this.#task
    this.#hasPunctuated = true
    task.current = recordOf(timestamp)
    try {
      answerOf('it', punctuator(timestamp))
    } catch (error) {
      throw task.failed.blameNode(`in its punctuator at ${timestamp}`, error, node)
    } finally {
      task.current = null
    }
  }
}

/** Invariant 2. */
function recordOf(timestamp: number): StreamRecord<unknown, unknown> {
  return { key: null, value: null, timestamp, headers: NO_HEADERS }
}
