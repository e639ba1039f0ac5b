import { LATEST_TIMES } from '../ports/store-index.ts'

/*
 * Owns: the greatest times of different rows, the greatest first. A row counts once, with the greatest time it ever had.
 */
export class LatestTimes {
  readonly #keys: string[] = []
  readonly #times: number[] = []

  /** Descending, at most LATEST_TIMES, epoch ms. Do not keep it: it changes. */
  get times(): readonly number[] {
    return this.#times
  }

  observe(key: string, time: number): void {
    const times = this.#times
    const keys = this.#keys
    if (times.length === LATEST_TIMES && time <= (times[LATEST_TIMES - 1] as number)) return
    let at = keys.indexOf(key)
    if (at === -1) {
      at = Math.min(times.length, LATEST_TIMES - 1)
    } else if (time <= (times[at] as number)) return
    for (; at > 0 && (times[at - 1] as number) < time; at--) {
      times[at] = times[at - 1] as number
      keys[at] = keys[at - 1] as string
    }
    times[at] = time
    keys[at] = key
  }

  clear(): void {
    this.#keys.length = 0
    this.#times.length = 0
  }
}
