/*
 * Owns: the entries of one store: committed rows as objects, and on top of them the rows that are changed but not
 * yet committed. One map for both, so that a read is one lookup.
 *
 * Clean entries stand in a ring for eviction by CLOCK (second chance): a hit sets one bit and moves nothing.
 * Dirty entries stand outside the ring; the layers (row-layers.ts) hold them.
 *
 * Invariants
 * 1. An entry in the map is either in the ring (slot >= 0, state 0, charged to the budget) or dirty (slot -1, state != 0).
 * 2. An entry in the map has `current`; a clean one has `committed === current`.
 * 3. An entry outside the map is dead: slot -1 and state 0. Nobody writes to it.
 */
import { type Headers, NO_HEADERS } from '../ports/headers.ts'
import type { CacheBudget, EvictableCache } from './cache-budget.ts'
import type { Row } from './row.ts'

/** Changed in the live layer. */
export const LIVE = 1
/** In the frozen layer, or on its way to the backend. */
export const FROZEN = 2
/** Changed since the last flush (caching stores). */
export const UNFLUSHED = 4

/** Bytes of an entry beyond key and value: entry, map slot, row, ring slot. */
const ENTRY_BYTES = 200
/** Rough ratio of a parsed object to its serialised bytes. */
const OBJECT_FACTOR = 2

/** null = known to be absent, undefined = not known. */
export type MaybeRow<V> = Row<V> | null | undefined

export class Entry<V> {
  // The fields that a cache hit reads come first: they share a cache line.
  readonly key: string
  /** The row that processing sees; unknown only in a new entry before its first put. */
  current: MaybeRow<V>
  /** The entry was hit since the clock hand passed it. */
  visited = false
  state = 0
  slot = -1
  /** The row that queries see. */
  committed: MaybeRow<V>
  /** `committed` comes from the backend, whose bytes an earlier serde may have written. */
  isLoaded = false
  /** Value as of the freeze, while FROZEN. */
  frozen: MaybeRow<V> = undefined
  /** The row that processing saw at the last flush, while UNFLUSHED. */
  flushed: MaybeRow<V> = undefined
  /** Headers of the record that wrote `current`, while UNFLUSHED. */
  headers: Headers = NO_HEADERS
  /** Number of the last put, for the order of flushing. */
  order = 0
  /** Timestamp of the delete, while `current` is null and dirty. */
  deletedAt = 0
  bytes = 0

  constructor(key: string, current: MaybeRow<V>, committed: MaybeRow<V>) {
    this.key = key
    this.current = current
    this.committed = committed
  }

  get dead(): boolean {
    return this.state === 0 && this.slot < 0
  }
}

export function entryBytes(key: string, rowBytes: number): number {
  return ENTRY_BYTES + key.length + OBJECT_FACTOR * rowBytes
}

export class ObjectCache<V> implements EvictableCache {
  readonly #entries = new Map<string, Entry<V>>()
  readonly #budget: CacheBudget
  #ring: Entry<V>[] = []
  #hand = 0
  #bytes = 0

  constructor(budget: CacheBudget) {
    this.#budget = budget
    budget.join(this)
  }

  get(key: string): Entry<V> | undefined {
    return this.#entries.get(key)
  }

  cachedBytes(): number {
    return this.#bytes
  }

  /** Adds a clean entry. It may be evicted when this returns: the budget decides. */
  addClean(entry: Entry<V>): void {
    this.#entries.set(entry.key, entry)
    this.toRing(entry)
  }

  /** The entry was clean or new; from now on it is dirty and cannot be evicted. The caller sets its state. */
  toDirty(entry: Entry<V>): void {
    if (entry.slot >= 0) this.#leaveRing(entry)
    else this.#entries.set(entry.key, entry)
  }

  /** A dirty entry became clean: `state` is 0 and `current` is committed. */
  toRing(entry: Entry<V>): void {
    entry.slot = this.#ring.length
    this.#ring.push(entry)
    this.#bytes += entry.bytes
    this.#budget.charge(entry.bytes)
  }

  remove(entry: Entry<V>): void {
    if (entry.slot >= 0) this.#leaveRing(entry)
    this.#entries.delete(entry.key)
  }

  evict(bytes: number): void {
    const goal = Math.max(0, this.#bytes - bytes)
    while (this.#bytes > goal) {
      if (this.#hand >= this.#ring.length) this.#hand = 0
      const entry = this.#ring[this.#hand] as Entry<V>
      if (entry.visited) {
        entry.visited = false
      } else {
        this.remove(entry)
      }
      // After a removal the newest entry stands here, and it gets its full round.
      this.#hand++
    }
  }

  clear(): void {
    for (const entry of this.#ring) entry.slot = -1
    this.#budget.uncharge(this.#bytes)
    this.#entries.clear()
    this.#ring = []
    this.#bytes = 0
  }

  close(): void {
    this.clear()
    this.#budget.leave(this)
  }

  #leaveRing(entry: Entry<V>): void {
    const last = this.#ring.pop() as Entry<V>
    if (last !== entry) {
      this.#ring[entry.slot] = last
      last.slot = entry.slot
    }
    entry.slot = -1
    this.#bytes -= entry.bytes
    this.#budget.uncharge(entry.bytes)
  }
}
