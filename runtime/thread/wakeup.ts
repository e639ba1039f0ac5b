/** A doorbell: a waiting caller continues when it rings; a ring without a waiting caller is kept for the next wait. */
export class Wakeup {
  #rung = false
  #waiting: (() => void) | null = null

  ring(): void {
    this.#rung = true
    this.#waiting?.()
  }

  /** Resolves at the next ring (at once when one was kept). One waiter at a time. */
  async wait(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
      this.#waiting = null
    }
    this.#rung = false
  }
}
