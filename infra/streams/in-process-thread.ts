import { StoreUnavailableError } from '../../runtime/ports/instance.ts'
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
import { OpenThread, type ThreadHost } from './open-thread.ts'
import type { ThreadSetup } from './thread-messages.ts'

/*
 * A stream thread in this JavaScript thread: the topology may be made of closures. Processing goes in slices of some milliseconds,
 * between which heartbeats, queries and everything else of the process run.
 */
export class InProcessThread implements ThreadControl {
  readonly stopped: Promise<Error | null>
  readonly #opening: Promise<OpenThread>
  #open: OpenThread | null = null
  #ended = false

  constructor(setup: ThreadSetup, host: ThreadHost) {
    this.#opening = OpenThread.open(setup, host)
    this.stopped = this.#opening.then(
      (open) => {
        this.#open = open
        return open.stopped
      },
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    )
    void this.stopped.then(() => {
      this.#ended = true
    })
  }

  async assign(active: readonly string[], standby: readonly string[], group: GroupMetadata): Promise<void> {
    const { thread } = await this.#opening
    await thread.assign(active, standby, group)
  }

  async lost(): Promise<void> {
    await (await this.#opening).thread.lost()
  }

  async setPaused(isPaused: boolean): Promise<void> {
    await (await this.#opening).thread.setPaused(isPaused)
  }

  async close(timeoutMs?: number): Promise<void> {
    await (await this.#opening).close(timeoutMs)
  }

  isReady(): boolean {
    return !this.#ended && this.#open !== null && this.#open.thread.isReady()
  }

  async get(read: ThreadGet): Promise<ThreadAnswer<GotRow> | null> {
    return this.#living().get(read)
  }

  async ask<Q extends ThreadQuestion>(question: Q): Promise<ThreadAnswers[Q['type']]> {
    const open = await this.#opening
    if (question.type === 'metrics') return (await open.metrics()) as ThreadAnswers[Q['type']]
    return await this.#living().ask(question)
  }

  async watch(read: ThreadWatch | ThreadPage, onChange: WatchListener): Promise<WatchedRow | null> {
    return await this.#living().watch(read, onChange)
  }

  #living(): OpenThread['thread'] {
    if (this.#open === null || this.#ended) throw new StoreUnavailableError('the stream thread has stopped')
    return this.#open.thread
  }
}
