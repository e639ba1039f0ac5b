import { StreamsError } from '../../state/ports/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { TaskStatus } from '../ports/instance.ts'
import type { GroupMetadata } from '../ports/log.ts'
import {
  type GotRow,
  NO_ANSWERS,
  type ThreadAnswer,
  type ThreadAnswers,
  type ThreadControl,
  type ThreadGet,
  type ThreadPage,
  type ThreadQuestion,
  type ThreadWatch,
  type WatchedRow,
  type WatchListener,
} from '../thread/thread-control.ts'
import { CarriedCounters } from './carried-counters.ts'
import type { UncaughtExceptions } from './uncaught-exceptions.ts'

export interface ReplaceableThreadOptions {
  readonly index: number
  readonly newThread: () => ThreadControl
  readonly uncaught: UncaughtExceptions
  readonly clock: Clock
  /** Called for each thread that died and is replaced. */
  readonly onReplaced: (error: Error, delayMs: number) => void
}

/** For the log: a thread has died and another one takes its place. */
export class ThreadReplacedError extends StreamsError {
  constructor(index: number, delayMs: number, cause: Error) {
    const message = `stream thread ${index} has died and is replaced in ${delayMs} ms: ${cause.message}`
    super('THREAD_REPLACED', message, { cause })
  }
}

/** Delay before the first replacement; each further one doubles it. */
const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 30_000
/** A thread that lived so long does not belong to a loop of failures. */
const LONG_LIFE_MS = 60_000

interface Orders {
  readonly active: readonly string[]
  readonly standby: readonly string[]
  readonly group: GroupMetadata
}

/*
 * A stream thread that is replaced by a new one when it dies of an error and the uncaught exception handler says so.
 * 1. The new one is made when the old one has ended (its stores are closed), and gets the orders that hold then.
 * 2. Deaths that follow each other are answered with growing delays, so that what kills every thread costs one every 30 s.
 * 3. While there is no thread it runs no task and answers no query; orders are remembered.
 */
export class ReplaceableThread implements ThreadControl {
  /** Resolves when the last thread has ended and is not replaced. */
  readonly stopped: Promise<Error | null>
  readonly #options: ReplaceableThreadOptions
  #stop: (error: Error | null) => void = () => undefined
  #thread: ThreadControl | null = null
  #orders: Orders | null = null
  #born = 0
  #delayMs = FIRST_DELAY_MS
  #isClosing = false
  #isPaused = false
  readonly #counters = new CarriedCounters()

  constructor(options: ReplaceableThreadOptions) {
    this.#options = options
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve
    })
    this.#begin()
  }

  async assign(active: readonly string[], standby: readonly string[], group: GroupMetadata): Promise<void> {
    this.#orders = { active, standby, group }
    await this.#thread?.assign(active, standby, group)
  }

  async lost(): Promise<void> {
    this.#orders = null
    await this.#thread?.lost()
  }

  async setPaused(isPaused: boolean): Promise<void> {
    this.#isPaused = isPaused
    await this.#thread?.setPaused(isPaused)
  }

  async close(timeoutMs?: number): Promise<void> {
    this.#isClosing = true
    if (this.#thread === null) this.#stop(null)
    else await this.#thread.close(timeoutMs)
  }

  isReady(): boolean {
    return this.#thread?.isReady() ?? false
  }

  get(read: ThreadGet): Promise<ThreadAnswer<GotRow> | null> {
    return this.#question((thread) => thread.get(read), null)
  }

  async ask<Q extends ThreadQuestion>(question: Q): Promise<ThreadAnswers[Q['type']]>
  async ask(question: ThreadQuestion): Promise<ThreadAnswers[ThreadQuestion['type']]> {
    const none = question.type === 'tasks' ? this.#restoring() : NO_ANSWERS[question.type]
    const thread = this.#thread
    const answer = await this.#question((asked) => asked.ask(question), none)
    if (question.type !== 'metrics') return answer
    // A thread that has died since has been carried already.
    return this.#counters.plus(this.#thread === thread ? (answer as ThreadAnswers['metrics']) : [])
  }

  watch(read: ThreadWatch | ThreadPage, onChange: WatchListener): Promise<WatchedRow | null> {
    return this.#question((thread) => thread.watch(read, onChange), null)
  }

  #restoring(): readonly TaskStatus[] {
    const { index } = this.#options
    const active = this.#orders?.active ?? []
    return active.map((taskId) => ({ taskId, state: 'restoring', thread: index, partitions: [], restore: [] }))
  }

  /** A question to a thread that dies gets the answer for no thread. */
  async #question<T>(ask: (thread: ThreadControl) => Promise<T>, ofNone: T): Promise<T> {
    const thread = this.#thread
    if (thread === null) return ofNone
    try {
      return await ask(thread)
    } catch (error) {
      await this.#options.clock.yield()
      if (this.#thread === thread) throw error
      return ofNone
    }
  }

  #begin(): void {
    const { newThread, clock } = this.#options
    const thread = newThread()
    this.#thread = thread
    this.#born = clock.monotonic()
    void thread.stopped.then((error) => this.#ended(error))
    // A thread that fails by its orders reports it by `stopped`.
    if (this.#isPaused) thread.setPaused(true).catch(() => undefined)
    const orders = this.#orders
    if (orders === null) return
    thread.assign(orders.active, orders.standby, orders.group).catch(() => undefined)
  }

  #ended(error: Error | null): void {
    this.#thread = null
    this.#counters.carry()
    const { uncaught, clock, onReplaced } = this.#options
    if (error === null || this.#isClosing || uncaught.responseTo(error) !== 'replace-thread') {
      this.#stop(error)
      return
    }
    if (clock.monotonic() - this.#born >= LONG_LIFE_MS) this.#delayMs = FIRST_DELAY_MS
    const delayMs = this.#delayMs
    this.#delayMs = Math.min(LONGEST_DELAY_MS, delayMs * 2)
    onReplaced(error, delayMs)
    void clock.sleep(delayMs).then(() => {
      if (!this.#isClosing) this.#begin()
    })
  }
}
