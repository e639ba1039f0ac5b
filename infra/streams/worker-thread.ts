import { extname } from 'node:path'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { threadName } from '../../runtime/instance/thread-name.ts'
import { StoreUnavailableError } from '../../runtime/ports/instance.ts'
import type { InstanceListener } from '../../runtime/ports/instance-events.ts'
import type { GroupMetadata } from '../../runtime/ports/log.ts'
import type {
  GotRow,
  ThreadAnswer,
  ThreadAnswers,
  ThreadControl,
  ThreadGet,
  ThreadPage,
  ThreadQuestion,
  ThreadWatch,
  WatchedRow,
  WatchListener,
} from '../../runtime/thread/thread-control.ts'
import { packError, unpackError, unpackEvent } from './sent-error.ts'
import type { ThreadBudget } from './thread-budgets.ts'
import {
  type FromWorker,
  GOT_WIDTH,
  type RequestAnswers,
  type ThreadRequest,
  type ThreadSetup,
  type ToWorker,
  type WorkerBirth,
  type WorkerModules,
} from './thread-messages.ts'

interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

type IndexQuestion = Extract<ThreadQuestion, { readonly type: 'query' }>

/** Beside this file: TypeScript in a checkout, JavaScript in the package. */
const WORKER = new URL(`./thread-worker${extname(import.meta.url)}`, import.meta.url)

/*
 * A stream thread that lives in a worker: every call is a message and waits for its answer.
 * 1. A worker that dies takes the instance with it: `stopped` resolves with the error, waiting calls are refused.
 * 2. Calls of one turn of the event loop go in one message, in their order: that of hundred queries costs little more than one.
 * 3. It loads its modules at once, and connects and opens nothing before begin(): a start need not know all to save that time.
 * 4. A question to an index that waits to be sent is not asked twice: no answer is of a time before its question.
 */
export class WorkerThread implements ThreadControl {
  readonly stopped: Promise<Error | null>
  readonly #worker: Worker
  readonly #setup: MessagePort
  readonly #index: number
  readonly #waiting = new Map<number, Waiting>()
  readonly #listeners = new Map<number, WatchListener>()
  /** Questions to indexes that wait to be sent. */
  readonly #asked = new Map<string, Promise<ThreadAnswers['query']>>()
  #outbox: Array<ToWorker['requests'][number]> = []
  #gets: unknown[] = []
  #nextId = 0
  #active: readonly string[] = []
  readonly #onOpening: () => void
  #tasksLeft = 0
  #ended = false

  /** @param onOpening called when the number of tasks that are not open yet may have changed */
  constructor(modules: WorkerModules, onEvent: InstanceListener, onOpening: () => void = () => undefined) {
    const { index, youngGenerationBytes } = modules
    this.#index = index
    this.#onOpening = onOpening
    const { port1, port2 } = new MessageChannel()
    this.#setup = port1
    this.#worker = new Worker(WORKER, {
      workerData: { ...modules, setup: port2 } satisfies WorkerBirth,
      transferList: [port2],
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationBytes / (1024 * 1024) },
      name: threadName(index),
    })
    this.stopped = new Promise((resolve) => {
      const end = (error: Error | null): void => {
        if (this.#ended) return
        this.#ended = true
        for (const { reject } of this.#waiting.values()) {
          reject(error ?? new StoreUnavailableError('the stream thread has stopped'))
        }
        this.#waiting.clear()
        resolve(error)
      }
      this.#worker.on('message', (message: FromWorker) => {
        if (message.type === 'stopped') {
          end(message.error === null ? null : unpackError(message.error, { thread: index }))
          // A call that ignores its signal may go on. The process need not wait for it.
          this.#worker.unref()
        } else this.#receive(message, onEvent)
      })
      this.#worker.on('error', (error) => end(unpackError(packError(error), { thread: index })))
      this.#worker.on('exit', (code) => end(code === 0 ? null : new Error(`stream thread exited with code ${code}`)))
    })
  }

  /** Call it once, before anything else. */
  begin(setup: ThreadSetup): void {
    this.#setup.postMessage(setup)
    this.#setup.close()
  }

  /** Ends a thread that has not begun. */
  async discard(): Promise<void> {
    this.#setup.close()
    await this.#worker.terminate()
  }

  async assign(active: readonly string[], standby: readonly string[], group: GroupMetadata): Promise<void> {
    // Until the thread says how many are open.
    this.#tasksLeft += active.filter((id) => !this.#active.includes(id)).length
    this.#active = active
    await this.#requestUnlessEnded({ type: 'assign', active, standby, group })
  }

  async lost(): Promise<void> {
    this.#active = []
    await this.#requestUnlessEnded({ type: 'lost' })
  }

  async setPaused(isPaused: boolean): Promise<void> {
    await this.#requestUnlessEnded({ type: 'pause', isPaused })
  }

  setBudget(budget: ThreadBudget): void {
    // A thread that fails by this reports it by `stopped`.
    this.#requestUnlessEnded({ type: 'budget', budget }).catch(() => undefined)
  }

  async close(timeoutMs?: number): Promise<void> {
    await this.#requestUnlessEnded({ type: 'close', timeoutMs })
  }

  isReady(): boolean {
    return this.#tasksLeft === 0 && !this.#ended
  }

  get(read: ThreadGet): Promise<ThreadAnswer<GotRow> | null> {
    if (this.#ended) return Promise.reject(new StoreUnavailableError('the stream thread has stopped'))
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#waiting.set(id, { resolve: resolve as (value: never) => void, reject })
      this.#soonSend()
      this.#gets.push(id, read.taskId, read.store, read.key, read.role, read.asJson)
    })
  }

  async ask<Q extends ThreadQuestion>(question: Q): Promise<ThreadAnswers[Q['type']]>
  async ask(question: ThreadQuestion): Promise<ThreadAnswers[ThreadQuestion['type']]> {
    if (question.type !== 'query' || question.read.question.type !== 'index' || question.read.role !== 'active') {
      return await this.#request(question)
    }
    return await this.#askIndex(question)
  }

  /** Invariant 4. */
  #askIndex(question: IndexQuestion): Promise<ThreadAnswers['query']> {
    const name = JSON.stringify(question.read)
    const asked = this.#asked.get(name)
    if (asked !== undefined) return asked
    const answer = this.#request(question)
    this.#asked.set(name, answer)
    return answer
  }

  async watch(read: ThreadWatch | ThreadPage, onChange: WatchListener): Promise<WatchedRow | null> {
    const watch = this.#nextId++
    this.#listeners.set(watch, onChange)
    let first: WatchedRow['first'] | null = null
    try {
      first = await this.#request({ type: 'watch', watch, read })
    } finally {
      if (first === null) this.#listeners.delete(watch)
    }
    const remove = (): void => {
      this.#listeners.delete(watch)
      void this.#requestUnlessEnded({ type: 'unwatch', watch })
    }
    return first === null ? null : { first, remove }
  }

  #receive(message: Exclude<FromWorker, { type: 'stopped' }>, onEvent: InstanceListener): void {
    switch (message.type) {
      case 'event': {
        const event = unpackEvent(message.event, this.#index)
        if (event.type === 'opening') {
          this.#tasksLeft = event.left
          this.#onOpening()
        } else onEvent(event, this.#index)
        return
      }
      case 'replies':
        for (const reply of message.replies) {
          if ('watch' in reply) {
            this.#listeners.get(reply.watch)?.(reply.row)
            continue
          }
          const waiting = this.#take(reply.id)
          if ('error' in reply) waiting?.reject(unpackError(reply.error))
          else waiting?.resolve(reply.value as never)
        }
        this.#receiveGots(message.gots)
    }
  }

  #receiveGots(gots: readonly unknown[]): void {
    for (let at = 0; at < gots.length; at += GOT_WIDTH) {
      const waiting = this.#take(gots[at] as number)
      const isThere = gots[at + 1] === true
      const answer = { result: gots[at + 2], lag: gots[at + 3] as number }
      waiting?.resolve((isThere ? answer : null) as never)
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  #request<R extends ThreadRequest>(request: R): Promise<RequestAnswers[R['type']]> {
    if (this.#ended) return Promise.reject(new StoreUnavailableError('the stream thread has stopped'))
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#waiting.set(id, { resolve: resolve as (value: never) => void, reject })
      this.#soonSend()
      this.#outbox.push({ id, request })
    })
  }

  /** Invariant 2. */
  #soonSend(): void {
    if (this.#outbox.length === 0 && this.#gets.length === 0) setImmediate(() => this.#send())
  }

  #send(): void {
    const message: ToWorker = { requests: this.#outbox, gets: this.#gets }
    this.#outbox = []
    this.#gets = []
    this.#asked.clear()
    this.#worker.postMessage(message)
  }

  /** A thread that has ended has nothing left to release; why it ended is in `stopped`. */
  async #requestUnlessEnded(request: ThreadRequest): Promise<void> {
    if (this.#ended) return
    try {
      await this.#request(request)
    } catch (error) {
      if (!this.#ended) throw error
    }
  }
}
