import { deferred } from '../../state/deferred.ts'
import { StoreCorruptedError } from '../../state/ports/errors.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import type { StoreContext } from '../../state/ports/managed-store.ts'
import type { Clock } from '../ports/clock.ts'
import type { ThreadListener } from '../ports/instance-events.ts'
import { prepareStores } from '../task/prepare-serdes.ts'
import { changelogsOf, closeStores, type OpenStore, type TaskStores } from '../task/task-stores.ts'
import { asError, isRecoverable } from '../thread/failure-log.ts'
import { type ChangelogRead, type ChangelogReader, RestoreInterruptedError } from './changelog-reader.ts'

export interface StandbyTasksOptions {
  readonly stores: TaskStores
  readonly changelogs: ChangelogReader
  readonly clock: Clock
  /** Called for failures that are repaired by opening the standby again. */
  readonly onEvent: ThreadListener
  /** Called with a failure that cannot be repaired. */
  readonly onFailed: (error: unknown) => void
}

/** An open standby. Empty until its stores are open. */
export interface StandbyTask {
  readonly stores: readonly OpenStore[]
  readonly reads: readonly ChangelogRead[]
}

interface Life {
  readonly abort: AbortController
  /** Resolves when its stores are closed for good. */
  readonly ended: Promise<void>
  task: StandbyTask
  /** Makes the standby start again while its stores are open. */
  fail: ((error: StoreCorruptedError) => void) | null
}

type OnTask = (task: StandbyTask, fail: Life['fail']) => void

const NOTHING: StandbyTask = { stores: [], reads: [] }
const RETRY_MS = 1000

/** No record is ever processed in a standby. */
const NO_RECORD: StoreContext = { streamTime: () => -1, recordTimestamp: () => 0, recordHeaders: () => NO_HEADERS }

/*
 * Owns the standby tasks of a stream thread: stores that follow their changelogs, so that a thread that opens the
 * task here has only a short part to restore.
 * 1. They hold committed data only, each store with its position (ChangelogReader): nothing has to be thrown away when the thread fails.
 * 2. A standby that fails is closed and opened again. It costs the active tasks nothing.
 * 3. When assign() has resolved, the stores of those that are not on the list are closed.
 */
export class StandbyTasks {
  readonly #options: StandbyTasksOptions
  readonly #lives = new Map<string, Life>()

  constructor(options: StandbyTasksOptions) {
    this.#options = options
  }

  get tasks(): ReadonlyMap<string, StandbyTask> {
    return new Map([...this.#lives].map(([id, { task }]) => [id, task]))
  }

  get size(): number {
    return this.#lives.size
  }

  async assign(ids: readonly string[]): Promise<void> {
    const gone = [...this.#lives].filter(([id]) => !ids.includes(id))
    for (const [id, { abort }] of gone) {
      this.#lives.delete(id)
      abort.abort()
    }
    await Promise.all(gone.map(([, { ended }]) => ended))
    for (const id of ids) if (!this.#lives.has(id)) this.#begin(id)
  }

  /** A query found a store damaged. Returns false when the store belongs to no standby. */
  fail(error: StoreCorruptedError): boolean {
    const life = this.#lives.get(error.taskId)
    life?.fail?.(error)
    return life !== undefined
  }

  #begin(id: string): void {
    const abort = new AbortController()
    const onTask = (task: StandbyTask, fail: Life['fail']): void => {
      life.task = task
      life.fail = fail
    }
    const life: Life = { abort, task: NOTHING, fail: null, ended: this.#live(id, abort.signal, onTask) }
    this.#lives.set(id, life)
  }

  /** Never rejects. */
  async #live(id: string, signal: AbortSignal, onTask: OnTask): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#follow(id, signal, onTask)
      } catch (error) {
        if (signal.aborted && error instanceof RestoreInterruptedError) return
        if (!isRecoverable(error)) {
          this.#options.onFailed(error)
          return
        }
        if (error instanceof StoreCorruptedError) this.#options.stores.rebuild(error)
        this.#recovered(error, id)
        await Promise.race([this.#options.clock.sleep(RETRY_MS), aborted(signal)])
      }
    }
  }

  /** From opening the stores to closing them. */
  async #follow(id: string, signal: AbortSignal, onTask: OnTask): Promise<void> {
    const { changelogs } = this.#options
    // Queries read its rows.
    await prepareStores(this.#options.stores.subtopology(id).stores)
    const stores = await this.#options.stores.open(id, NO_RECORD)
    try {
      if (signal.aborted) return
      const reads = await changelogs.follow(changelogsOf(id, stores))
      const { promise: damaged, reject: fail } = deferred<never>()
      onTask({ stores, reads }, fail)
      const ended = Promise.allSettled(reads.map((read) => read.ended))
      const failed = Promise.all(reads.map((read) => read.ended)).then(() => aborted(signal))
      try {
        await Promise.race([failed, damaged, aborted(signal)])
      } finally {
        failed.catch(() => undefined) // thrown above, or an interruption of ours
        changelogs.stop(reads)
        await ended
      }
    } finally {
      onTask(NOTHING, null)
      for (const error of await closeStores(stores)) this.#recovered(error, id)
    }
  }

  #recovered(error: unknown, id: string): void {
    this.#options.onEvent({ type: 'recovered', error: asError(error), tasks: [id] })
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
