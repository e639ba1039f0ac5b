import type { Epoch } from '../commit/epoch.ts'
import type { EndPositions } from '../ports/log.ts'
import type { OpenTask } from '../restore/task-opener.ts'
import type { ProcessingSlice } from '../task/processing-slice.ts'
import type { StreamTask } from '../task/stream-task.ts'
import { closeStores } from '../task/task-stores.ts'
import type { InputFeed } from './input-feed.ts'

export interface OpenTasksOptions {
  readonly feed: InputFeed
  readonly slice: ProcessingSlice
}

/*
 * Owns the active tasks of a stream thread that are open, and what point reads see of them: which are there, their committed rows, and how
 * far they are behind.
 * 1. `running` are the tasks of `byId`, for the hot loops.
 * 2. A task that is closed gets no input any more, and has nothing uncommitted left in its stores.
 */
export class OpenTasks {
  readonly byId: ReadonlyMap<string, OpenTask>
  running: readonly StreamTask[] = []
  readonly #tasks = new Map<string, OpenTask>()
  readonly #options: OpenTasksOptions

  constructor(options: OpenTasksOptions) {
    this.#options = options
    this.byId = this.#tasks
  }

  add(opened: readonly OpenTask[]): void {
    for (const open of opened) this.#tasks.set(open.task.id, open)
    this.#changed()
  }

  /** Closes those that are not kept. Never rejects; answers what could not be closed. */
  async close(isKept: (id: string) => boolean): Promise<readonly unknown[]> {
    const closing = [...this.#tasks.values()].filter(({ task }) => !isKept(task.id))
    for (const { task } of closing) this.#tasks.delete(task.id)
    this.#changed()
    this.#options.feed.remove(closing.flatMap(({ sources }) => sources))
    for (const { task } of closing) task.discard()
    const errors: unknown[] = [...(await closeStores(closing.flatMap(({ stores }) => stores)))]
    for (const { task } of closing) {
      try {
        task.closeProcessors()
      } catch (error) {
        errors.push(error)
      }
    }
    return errors
  }

  /** Hands out what was fetched. True when there was something. @throws what the fetch failed with */
  deliver(): boolean {
    return this.#options.feed.deliver(this.running)
  }

  /** Processes a slice, and lets time pass. Answers how many records were processed or left out. */
  process(): number {
    const { slice } = this.#options
    const steps = slice.run(this.running)
    slice.letTimePass(this.running)
    return steps
  }

  /** The epoch is committed: its rows become visible. @param now epoch ms */
  async settle(epoch: Epoch, positions: EndPositions, now: number): Promise<void> {
    await epoch.settleRows(positions, now)
    epoch.settleOffsets()
  }

  /** All input that is known of is processed. */
  get isCaughtUp(): boolean {
    return this.running.every(({ queues }) => queues.every(({ isCaughtUp }) => isCaughtUp))
  }

  /** When something is due though no input comes, Clock.monotonic(); +Infinity: never. */
  get deadline(): number {
    let deadline = Number.POSITIVE_INFINITY
    for (const { time } of this.running) deadline = Math.min(deadline, time.nextSystemPunctuation, time.nextIdleLook)
    return deadline
  }

  #changed(): void {
    this.running = [...this.#tasks.values()].map(({ task }) => task)
  }
}
