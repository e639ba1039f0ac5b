import type { Instance } from './instance.ts'

/*
 * Owns what the instances tell about their restoring, from its creation to stop().
 * 1. A rate needs two looks that saw records left to restore, or the most seen and its end.
 */

const LOOK_MS = 40

export class RestoreWatch {
  readonly #instances: readonly Instance[]
  readonly #ended: Promise<void>
  #stopped = false
  #most = 0
  #mostAt = 0
  #doneAt: number | null = null

  constructor(instances: readonly Instance[]) {
    this.#instances = instances
    this.#ended = this.#look()
  }

  /** Records per second from the most that was seen left to none; null when nothing was seen. */
  async stop(): Promise<number | null> {
    this.#stopped = true
    await this.#ended
    return this.#doneAt === null ? null : (this.#most / (this.#doneAt - this.#mostAt)) * 1000
  }

  async #look(): Promise<void> {
    while (!this.#stopped) {
      const left = await Promise.all(this.#instances.map((instance) => instance.toRestore()))
      this.#note(left.reduce((sum: number, one) => sum + (one ?? 0), 0))
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }

  #note(left: number): void {
    const now = performance.now()
    if (left > this.#most) {
      this.#most = left
      this.#mostAt = now
      this.#doneAt = null
    } else if (left === 0 && this.#most > 0) this.#doneAt ??= now
  }
}
