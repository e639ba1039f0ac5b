/** Rings for all who wait. A ring with nobody waiting is lost: look at the state before waiting. */
export class Bell {
  #next: Promise<void> | null = null
  #ring: () => void = () => undefined

  ring(): void {
    if (this.#next === null) return
    this.#next = null
    this.#ring()
  }

  /** Resolves at the next ring. */
  next(): Promise<void> {
    this.#next ??= new Promise((resolve) => {
      this.#ring = resolve
    })
    return this.#next
  }
}
