import { RestoreInterruptedError } from './changelog-reader.ts'
import type { OpenTask, TaskOpener } from './task-opener.ts'
import { closeStores } from './task-stores.ts'

interface Opening {
  readonly abort: AbortController
  /** Settled when the task is open or has left nothing open. Never rejects. */
  readonly settled: Promise<void>
  opened: OpenTask | null
}

/*
 * Owns the tasks that are being opened beside the processing of others.
 * 1. When cancel() has resolved, the stores of those tasks are closed.
 * 2. A failure is told once, by take().
 */
export class TaskOpenings {
  readonly #opener: TaskOpener
  readonly #onChange: () => void
  readonly #openings = new Map<string, Opening>()
  #failure: { readonly cause: unknown } | null = null

  /** @param onChange rung when one is open, or has failed */
  constructor(opener: TaskOpener, onChange: () => void) {
    this.#opener = opener
    this.#onChange = onChange
  }

  has(id: string): boolean {
    return this.#openings.has(id)
  }

  begin(ids: readonly string[]): void {
    const aborts = new Map(ids.map((id) => [id, new AbortController()]))
    const signals = new Map([...aborts].map(([id, { signal }]) => [id, signal]))
    for (const [id, opened] of this.#opener.open(signals)) {
      const opening: Opening = {
        abort: aborts.get(id) as AbortController,
        opened: null,
        settled: opened.then(
          (open) => {
            opening.opened = open
            this.#onChange()
          },
          (cause: unknown) => {
            if (!(cause instanceof RestoreInterruptedError)) this.#failure ??= { cause }
            this.#onChange()
          },
        ),
      }
      this.#openings.set(id, opening)
    }
  }

  /**
   * Those that are open by now. They are the caller's from here on.
   * @throws what one of them failed with
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
      taken.push(opened)
    }
    return taken
  }

  /** Gives up those that are not kept. Never rejects; answers what could not be closed. */
  async cancel(isKept: (id: string) => boolean): Promise<readonly unknown[]> {
    const cancelled = [...this.#openings].filter(([id]) => !isKept(id)).map(([, opening]) => opening)
    for (const [id] of this.#openings) if (!isKept(id)) this.#openings.delete(id)
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

  /** Gives up all, failures included. */
  async cancelAll(): Promise<readonly unknown[]> {
    const errors = await this.cancel(() => false)
    this.#failure = null
    return errors
  }
}
