import type { Clock } from '../ports/clock.ts'

/** The state that tasks have left on disk. */
export interface StateOnDisk {
  taskIds(): Promise<readonly string[]>
  removeTask(taskId: string): Promise<void>
}

export interface StateCleanupOptions {
  readonly state: StateOnDisk
  readonly clock: Clock
  /** How long a task must be absent before its state is removed, ms (Kafka Streams: state.cleanup.delay.ms). */
  readonly delayMs: number
  /** Called for each task whose state was removed. */
  readonly onRemoved: (taskId: string) => void
  /** Called when state could not be read or removed; it is tried again. */
  readonly onFailed: (error: unknown) => void
}

/*
 * Owns the removal of state that tasks left here which now run elsewhere.
 * 1. State of a task that is held, or about to be opened, is never touched: opening() waits for a removal under way.
 * 2. While our tasks are unknown (before the first assignment, after a loss) nothing is removed, and the delay starts again.
 * 3. Nothing committed is lost: a process that gets the task back restores it from its changelogs.
 */
export class StateCleanup {
  readonly #options: StateCleanupOptions
  #held: ReadonlySet<string> | null = null
  /** Task that nobody here has -> Clock.monotonic() when that was first seen. */
  readonly #looseSince = new Map<string, number>()
  #removing: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(options: StateCleanupOptions) {
    this.#options = options
  }

  /** Looks now and then, until stop(). */
  async run(): Promise<void> {
    const { clock, delayMs } = this.#options
    while (!this.#stopped) {
      await clock.sleep(Math.min(60_000, delayMs))
      this.#removing = this.#look()
      await this.#removing
    }
  }

  stop(): void {
    this.#stopped = true
  }

  /** Call it before these tasks are opened, in addition to the held ones. Resolves when opening is safe. */
  async opening(ids: readonly string[]): Promise<void> {
    this.#held = new Set([...(this.#held ?? []), ...ids])
    await this.#removing
  }

  /** These tasks are held from now on, and all others are closed. */
  settled(ids: readonly string[]): void {
    this.#held = new Set(ids)
  }

  /** Invariant 2. */
  lost(): void {
    this.#held = null
    this.#looseSince.clear()
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    try {
      await this.#removeLoose()
    } catch (error) {
      this.#options.onFailed(error)
    }
  }

  async #removeLoose(): Promise<void> {
    const { state, clock, delayMs, onRemoved } = this.#options
    for (const id of await state.taskIds()) {
      // Check again in each turn: an assignment may have come during a removal.
      if (this.#stopped || this.#held === null) return
      const now = clock.monotonic()
      const since = this.#looseSince.get(id) ?? now
      if (this.#held.has(id)) this.#looseSince.delete(id)
      else if (now - since < delayMs) this.#looseSince.set(id, since)
      else {
        await state.removeTask(id)
        this.#looseSince.delete(id)
        onRemoved(id)
      }
    }
  }
}
