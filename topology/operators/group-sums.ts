import type { Headers } from '../../state/ports/headers.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'

/** How the parts of one group add up. It must not matter in which order they come: `add` and `subtract` undo each other. */
export interface Sums<V> {
  /** A sum of nothing. */
  readonly none: () => V
  /** May change `sum`, which nobody else holds, and return it. */
  readonly add: (sum: V, part: V) => V
  readonly subtract: (sum: V, part: V) => V
}

/** The sum of one group since the last commit. */
export interface GroupSum<V> {
  sum: V
  /** The greatest timestamp of the summed records. */
  timestamp: number
  /** The headers of the last record. */
  headers: Headers
}

/*
 * Owns the sums of what one processor has to send to its groups.
 *
 * Invariants
 * 1. A group has one sum, whatever its key is: primitives are told apart as a Map does.
 * 2. take() answers everything since the last take(), and nothing of it stays.
 */
export class GroupSums<K, V> {
  readonly #sums: Sums<V>
  #groups = new Map<K, GroupSum<V>>()

  constructor(sums: Sums<V>) {
    this.#sums = sums
  }

  /** Objects are not told apart by their content here, so a group whose key is one has no sum. */
  static takes(key: unknown): boolean {
    return typeof key !== 'object'
  }

  note(key: K, added: V | null, removed: V | null, timestamp: number, headers: Headers): void {
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = { sum: this.#sums.none(), timestamp, headers: NO_HEADERS }
      this.#groups.set(key, group)
    }
    if (removed !== null) group.sum = this.#sums.subtract(group.sum, removed)
    if (added !== null) group.sum = this.#sums.add(group.sum, added)
    if (timestamp > group.timestamp) group.timestamp = timestamp
    group.headers = headers
  }

  take(): ReadonlyMap<K, GroupSum<V>> {
    const taken = this.#groups
    if (taken.size > 0) this.#groups = new Map()
    return taken
  }
}
