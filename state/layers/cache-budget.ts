/*
 * Owns: the byte budget that the object caches of one stream thread share: its part of STATESTORE_CACHE_MAX_BYTES, which changes
 * with the number of threads.
 *
 * Invariants
 * 1. `used` is the sum of what the caches charged: committed rows they hold that are not dirty. Dirty rows are
 *    bounded by the commit cycle instead.
 * 2. After charge() `used` is within the limit: the largest cache gives up rows first.
 */

export interface EvictableCache {
  /** Bytes it has charged. */
  cachedBytes(): number
  /** Evicts at least that many bytes, or everything, and uncharges them. */
  evict(bytes: number): void
}

/** The part of the limit that one shrink frees in addition, so that shrinking is rare. */
const SLACK = 1 / 64

export class CacheBudget {
  readonly #caches = new Set<EvictableCache>()
  #limit: number
  #used = 0

  /** `limit` in bytes; 0 caches nothing. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get limit(): number {
    return this.#limit
  }

  /** A lower limit holds at once: caches give up rows. */
  set limit(bytes: number) {
    this.#limit = bytes
    if (this.#used > bytes) this.#shrink()
  }

  get used(): number {
    return this.#used
  }

  join(cache: EvictableCache): void {
    this.#caches.add(cache)
  }

  /** Takes back everything the cache charged. */
  leave(cache: EvictableCache): void {
    if (this.#caches.delete(cache)) this.#used -= cache.cachedBytes()
  }

  /** Sets the bytes that a cache holds. May call evict() of any cache before it returns. */
  charge(bytes: number): void {
    this.#used += bytes
    if (this.#used > this.#limit) this.#shrink()
  }

  uncharge(bytes: number): void {
    this.#used -= bytes
  }

  #shrink(): void {
    const goal = this.#limit * (1 - SLACK)
    const bySize = [...this.#caches].sort((a, b) => b.cachedBytes() - a.cachedBytes())
    for (const cache of bySize) {
      if (this.#used <= goal) break
      cache.evict(this.#used - goal)
    }
  }
}
