import type { ThreadAnswer, ThreadPage, WatchedRow, WatchListener } from '../thread/thread-control.ts'

interface Watch {
  readonly page: ThreadPage
  readonly onChange: WatchListener
  /** The page as it was last reported. */
  json: string | null
  /** A commit has settled since the page was last read. */
  isStale: boolean
  isReading: boolean
}

/** Reads a page as JSON text; null when its task is not open here. */
export type ReadPage = (page: ThreadPage) => Promise<ThreadAnswer<string> | null>

/*
 * Owns who wants to hear of which page of rows of one stream thread.
 * 1. A watch hears of committed rows only, in the order of the commits; of several commits during one read it hears the last.
 * 2. Nobody watching costs nothing. A watched page is read once at a time, however quickly commits follow.
 */
export class PageWatches {
  readonly #read: ReadPage
  readonly #watches = new Set<Watch>()

  constructor(read: ReadPage) {
    this.#read = read
  }

  /** Reports the page now, and after every change; null when the task is not open here. */
  async add(page: ThreadPage, onChange: WatchListener): Promise<WatchedRow | null> {
    const watch: Watch = { page, onChange, json: null, isStale: false, isReading: true }
    this.#watches.add(watch)
    const remove = (): void => {
      this.#watches.delete(watch)
    }
    try {
      const first = await this.#read(page)
      if (first === null) {
        remove()
        return null
      }
      watch.json = first.result
      watch.isReading = false
      void this.#catchUp(watch)
      return { first, remove }
    } catch (error) {
      remove()
      throw error
    }
  }

  /** A commit has settled. */
  look(): void {
    for (const watch of this.#watches) {
      watch.isStale = true
      void this.#catchUp(watch)
    }
  }

  /** Never rejects. */
  async #catchUp(watch: Watch): Promise<void> {
    if (watch.isReading) return
    watch.isReading = true
    while (watch.isStale && this.#watches.has(watch)) {
      watch.isStale = false
      // Whoever reads the page meets the failure, and it is reported there; after the next commit it is read again.
      const answer = await this.#read(watch.page).catch(() => null)
      if (answer === null || answer.result === watch.json || !this.#watches.has(watch)) continue
      watch.json = answer.result
      watch.onChange(answer)
    }
    watch.isReading = false
  }
}
