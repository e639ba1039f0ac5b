/** So many may work at once; the others wait, first come first served. */
export class Slots {
  #free: number
  readonly #waiting: Array<() => void> = []

  constructor(count: number) {
    this.#free = count
  }

  /** False: the signal fired before the work had begun, which it will not. */
  async run(signal: AbortSignal, work: () => Promise<void> | void): Promise<boolean> {
    if (signal.aborted || !(await this.#take(signal))) return false
    try {
      if (signal.aborted) return false
      await work()
      return true
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }

  /** False: the signal fired first. */
  #take(signal: AbortSignal): Promise<boolean> | boolean {
    if (this.#free > 0) {
      this.#free--
      return true
    }
    return new Promise((resolve) => {
      const enter = (): void => {
        signal.removeEventListener('abort', leave)
        resolve(true)
      }
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1)
        resolve(false)
      }
      this.#waiting.push(enter)
      signal.addEventListener('abort', leave, { once: true })
    })
  }
}
