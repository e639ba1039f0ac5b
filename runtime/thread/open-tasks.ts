import type { OpenTask } from '../restore/task-opener.ts'
import type { StreamTask } from '../task/stream-task.ts'
import { closeStores } from '../task/task-stores.ts'
import type { InputFeed } from './input-feed.ts'

/*
 * Owns the active tasks of a stream thread that are open.
 * 1. `running` are the tasks of `byId`, for the hot loops.
 * 2. A task that is closed gets no input any more, and has nothing uncommitted left in its stores.
 */
export class OpenTasks {
  readonly byId: ReadonlyMap<string, OpenTask>
  running: readonly StreamTask[] = []
  readonly #tasks = new Map<string, OpenTask>()
  readonly #feed: InputFeed
  readonly #onChanged: () => void

  /** @param onChanged told in the step in which tasks are there or gone */
  constructor(feed: InputFeed, onChanged: () => void) {
    this.#feed = feed
    this.#onChanged = onChanged
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
    this.#feed.remove(closing.flatMap(({ sources }) => sources))
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

  #changed(): void {
    this.running = [...this.#tasks.values()].map(({ task }) => task)
    this.#onChanged()
  }
}
