/*
 * Owns: the stream time a store has observed (greatest time put into it), per layer: a discarded epoch did not
 * happen, so the time it saw is forgotten with it (architecture 6: processing again gives the same results).
 */
export class ObservedTime {
  #live: number
  #frozen: number
  #committed: number

  /** @param committed of the store's note */
  constructor(committed: number) {
    this.#live = committed
    this.#frozen = committed
    this.#committed = committed
  }

  /** Greatest time observed by processing, epoch ms; -1 before the first. */
  get now(): number {
    return this.#live
  }

  /** Greatest time in committed rows, which queries use. */
  get committed(): number {
    return this.#committed
  }

  observe(time: number): void {
    if (time > this.#live) this.#live = time
  }

  /** Takes the time of committed rows at restoring. */
  restore(time: number): void {
    if (time <= this.#committed) return
    this.#committed = time
    this.#frozen = Math.max(this.#frozen, time)
    this.observe(time)
  }

  freeze(): void {
    this.#frozen = this.#live
  }

  settle(): void {
    this.#committed = this.#frozen
  }

  discard(): void {
    this.#live = this.#committed
    this.#frozen = this.#committed
  }

  reset(): void {
    this.#live = -1
    this.#frozen = -1
    this.#committed = -1
  }
}
