import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LiveState } from '../../infra/http/index.ts'
import { isUnavailable } from '../../runtime/index.ts'
import type { DriversByPlace } from './drivers-by-place.ts'

/** The drivers of a cell are spread over all partitions: one gathering at this interval serves all who watch the cell. */
const LOOK_EVERY_MS = 1000

/*
 * Owns the cells that are watched.
 * 1. A cell is read once per look however many watch it, and not at all when nobody does.
 */
export class CellFeeds {
  readonly #drivers: DriversByPlace
  readonly #lookEveryMs: number
  readonly #onFailed: (error: unknown) => void
  readonly #feeds = new Map<string, Set<LiveState>>()

  constructor(drivers: DriversByPlace, onFailed: (error: unknown) => void, lookEveryMs = LOOK_EVERY_MS) {
    this.#drivers = drivers
    this.#onFailed = onFailed
    this.#lookEveryMs = lookEveryMs
  }

  /** The drivers in the cell as a page of JSON, as of now. Throws as a query does. */
  async read(cell: string, limit: number, requestId: string = randomUUID()): Promise<string> {
    const asker = { id: requestId, url: `/cells/${cell}?limit=${limit}`, headers: {} }
    return JSON.stringify((await this.#drivers.inCell(asker, { cell, limit })).result)
  }

  /** Sets the state whenever the drivers have changed, until the answer is called. */
  listen(cell: string, limit: number, state: LiveState): () => void {
    const name = `${cell} ${limit}`
    const listeners = this.#feeds.get(name) ?? new Set()
    listeners.add(state)
    if (!this.#feeds.has(name)) {
      this.#feeds.set(name, listeners)
      void this.#run(cell, limit, listeners)
    }
    return () => {
      listeners.delete(state)
      if (listeners.size === 0 && this.#feeds.get(name) === listeners) this.#feeds.delete(name)
    }
  }

  /** Never rejects. */
  async #run(cell: string, limit: number, listeners: ReadonlySet<LiveState>): Promise<void> {
    const isNeeded = (): boolean => listeners.size > 0
    while (isNeeded()) {
      await sleep(this.#lookEveryMs, undefined, { ref: false })
      if (!isNeeded()) return
      try {
        const json = await this.read(cell, limit)
        for (const state of listeners) state.set(json)
      } catch (error) {
        // The store moves or restores: the next look reports it.
        if (!isUnavailable(error)) this.#onFailed(error)
      }
    }
  }
}
