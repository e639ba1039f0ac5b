import type { Clock } from '../ports/clock.ts'
import type { ThreadListener } from '../ports/instance-events.ts'
import { closeStores } from '../task/task-stores.ts'
import { isRetriable, TaskTimeout, type TimeoutConfig } from '../thread/task-timeout.ts'
import { RestoreInterruptedError } from './changelog-reader.ts'
import type { OpenTask, TaskOpener } from './task-opener.ts'

interface Opening {
  readonly abort: AbortController
  /** Settled when the task is open or has left nothing open. Never rejects. */
  readonly settled: Promise<void>
  opened: OpenTask | null
}

export interface TaskOpeningsOptions {
  readonly opener: TaskOpener
  readonly clock: Clock
  readonly config: TimeoutConfig
  /** Called when a task is open, or has failed. */
  readonly onChange: () => void
  /** Called with the reason when a task has to be opened again. */
  readonly onEvent: ThreadListener
}

/** A task that could not be opened. */
interface Retry {
  readonly timeout: TaskTimeout
  /** Clock.monotonic() */
  readonly notBefore: number
  readonly delayMs: number
}

const FIRST_DELAY_MS = 50
const LONGEST_DELAY_MS = 5000

/*
 * Owns the tasks that are being opened beside the processing of others.
 * 1. When cancel() has resolved, the stores of those tasks are closed.
 * 2. A failure is reported once, by take().
 * 3. A task that brokers keep from opening is tried again after growing pauses, alone, while all others continue; its failure is reported
 *    after taskTimeoutMs.
 */
export class TaskOpenings {
  readonly #options: TaskOpeningsOptions
  readonly #openings = new Map<string, Opening>()
  readonly #retries = new Map<string, Retry>()
  #failure: { readonly cause: unknown } | null = null

  constructor(options: TaskOpeningsOptions) {
    this.#options = options
  }

  has(id: string): boolean {
    return this.#openings.has(id)
  }

  /** Time of the next retry, Clock.monotonic(); +Infinity: none waits. */
  get nextRetry(): number {
    let next = Number.POSITIVE_INFINITY
    for (const [id, { notBefore }] of this.#retries) if (!this.#openings.has(id)) next = Math.min(next, notBefore)
    return next
  }

  /** Begins to open the tasks that need not wait for a retry. */
  begin(ids: readonly string[]): void {
    const now = this.#options.clock.monotonic()
    this.#begin(ids.filter((id) => !this.#retries.has(id)))
    for (const id of ids) if ((this.#retries.get(id)?.notBefore ?? Number.POSITIVE_INFINITY) <= now) this.#begin([id])
  }

  #begin(ids: readonly string[]): void {
    if (ids.length === 0) return
    const { opener, onChange } = this.#options
    const aborts = new Map(ids.map((id) => [id, new AbortController()]))
    const signals = new Map([...aborts].map(([id, { signal }]) => [id, signal]))
    for (const [id, opened] of opener.open(signals)) {
      const opening: Opening = {
        abort: aborts.get(id) as AbortController,
        opened: null,
        settled: opened.then(
          (open) => {
            opening.opened = open
            onChange()
          },
          (cause: unknown) => {
            this.#failed(id, opening, cause)
            onChange()
          },
        ),
      }
      this.#openings.set(id, opening)
    }
  }

  #failed(id: string, opening: Opening, cause: unknown): void {
    if (cause instanceof RestoreInterruptedError) return
    if (!isRetriable(cause) || this.#openings.get(id) !== opening) {
      this.#failure ??= { cause }
      return
    }
    const { clock, config, onEvent } = this.#options
    const { timeout, delayMs } = this.#retries.get(id) ?? {
      timeout: new TaskTimeout(clock, config),
      delayMs: FIRST_DELAY_MS,
    }
    const over = timeout.failed(`task ${id}`, cause)
    if (over !== null) {
      this.#failure ??= { cause: over }
      return
    }
    this.#openings.delete(id)
    const notBefore = clock.monotonic() + delayMs
    this.#retries.set(id, { timeout, notBefore, delayMs: Math.min(LONGEST_DELAY_MS, delayMs * 2) })
    onEvent({ type: 'recovered', error: cause, tasks: [id] })
  }

  /**
   * Returns the tasks that are open by now. They are the caller's from here on.
   * @throws the error that one of them failed with
   */
  take(): readonly OpenTask[] {
    if (this.#failure !== null) {
      const { cause } = this.#failure
      this.#failure = null
      throw cause
    }
    const taken: OpenTask[] = []
    for (const [id, { opened }] of this.#openings) {
      if (opened === null) continue
      this.#openings.delete(id)
      this.#retries.delete(id)
      taken.push(opened)
    }
    return taken
  }

  /** Cancels the openings that are not kept. Never rejects; returns the failures to close. */
  async cancel(isKept: (id: string) => boolean): Promise<readonly unknown[]> {
    const cancelled = [...this.#openings].filter(([id]) => !isKept(id)).map(([, opening]) => opening)
    for (const [id] of this.#openings) if (!isKept(id)) this.#openings.delete(id)
    for (const [id] of this.#retries) if (!isKept(id)) this.#retries.delete(id)
    for (const { abort } of cancelled) abort.abort(new RestoreInterruptedError('the task was taken away'))
    const errors = await Promise.all(
      cancelled.map(async (opening) => {
        await opening.settled
        if (opening.opened === null) return []
        opening.opened.task.closeProcessors()
        return await closeStores(opening.opened.stores)
      }),
    )
    return errors.flat()
  }

  /** Cancels all openings, failed ones included. */
  async cancelAll(): Promise<readonly unknown[]> {
    const errors = await this.cancel(() => false)
    this.#failure = null
    return errors
  }
}
