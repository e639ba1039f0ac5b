/*
 * Owns when each input record was due, by its place in the log.
 * 1. Entries of a partition are in offset order and do not overlap; a hole (an acknowledgement that was lost) belongs to the
 *    entry behind it.
 */

interface Entry {
  readonly first: number
  readonly end: number
  readonly at: number
}

export class FedLedger {
  readonly #entries = new Map<string, Entry[]>()

  /** Records that were appended together; `at`: when the first of them was due, not when the broker took it. */
  add(topic: string, partition: number, first: number, count: number, at: number): void {
    const key = `${topic}:${partition}`
    const entries = this.#entries.get(key)
    if (entries === undefined) this.#entries.set(key, [{ first, end: first + count, at }])
    else entries.push({ first, end: first + count, at })
  }

  /** Time when the oldest record from `offset` on was due; null when there is none yet. */
  dueAt(partition: string, offset: number): number | null {
    const entries = this.#entries.get(partition) ?? []
    let low = 0
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((entries[middle] as Entry).end <= offset) low = middle + 1
      else high = middle
    }
    return entries[low]?.at ?? null
  }
}
