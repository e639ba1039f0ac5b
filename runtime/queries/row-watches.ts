import type { ThreadAnswer, ThreadGet, ThreadWatch, WatchedRow, WatchListener } from '../thread/thread-control.ts'
import type { StoreReads } from './store-reads.ts'

interface Watch {
  readonly read: Omit<ThreadGet, 'asJson'>
  readonly isPlain: boolean
  readonly onChange: WatchListener
  /** Stored values are immutable, so the same object needs no comparison. */
  stored: unknown
  json: string | null
}

/*
 * Owns who wants to hear of which row of one stream thread.
 * 1. A watch hears of committed rows only, in the order of the commits; of several commits between two looks it hears the last.
 * 2. Nobody watching costs nothing; a watched row costs one read per commit of the thread.
 * 3. A row that cannot be read costs neither the commit nor other watches anything. It is read again after the next commit.
 */
export class RowWatches {
  readonly #reads: Pick<StoreReads, 'stored' | 'json' | 'plainJson'>
  readonly #watches = new Set<Watch>()

  constructor(reads: Pick<StoreReads, 'stored' | 'json' | 'plainJson'>) {
    this.#reads = reads
  }

  /** Reports the row now, and after every change; null when the task is not open here. */
  add({ isPlain = false, ...read }: ThreadWatch, onChange: WatchListener): WatchedRow | null {
    const watch: Watch = { read: { ...read, role: 'active' }, isPlain, onChange, stored: null, json: null }
    const first = this.#read(watch)
    if (first === null) return null
    this.#watches.add(watch)
    return { first, remove: () => this.#watches.delete(watch) }
  }

  /** A commit has settled. */
  look(): void {
    for (const watch of this.#watches) {
      const before = watch.json
      let answer: ThreadAnswer<string | null> | null
      try {
        answer = this.#read(watch)
      } catch {
        // Invariant 3: a damaged row, or a view that throws. Whoever reads the row meets it, and it is reported there.
        continue
      }
      if (answer !== null && watch.json !== before) watch.onChange(answer)
    }
  }

  #read(watch: Watch): ThreadAnswer<string | null> | null {
    const answer = this.#reads.stored(watch.read)
    if (answer === null) return null
    const { result: stored, lag } = answer
    if (stored !== watch.stored) {
      watch.json = stored === null ? null : this.#json(watch, stored)
      watch.stored = stored
    }
    return { result: watch.json, lag }
  }

  #json({ read: { store, key }, isPlain }: Watch, stored: unknown): string {
    return isPlain ? this.#reads.plainJson(store, key, stored) : this.#reads.json(store, key, stored)
  }
}
