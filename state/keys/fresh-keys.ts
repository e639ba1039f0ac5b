/*
 * Owns: the order of the keys of rows that are on their way to a lower layer. Most stores never read them in order: they are gathered and
 * sorted when somebody does, and kept up to date from then on.
 *
 * Invariants
 * 1. While there is an order, it has the keys that were there when it was made, with every add() and delete() since.
 * 2. The order stays until nobody has read it between two calls of relax(). So no iterator of a record loses it.
 */
import type { KeyRange } from '../ports/backend.ts'
import { SortedKeys } from './sorted-keys.ts'

export class FreshKeys {
  readonly #gather: () => Iterable<string>
  #sorted: SortedKeys | null = null
  #isRead = false

  /** @param gather returns all keys as of the call; a key may come twice */
  constructor(gather: () => Iterable<string>) {
    this.#gather = gather
  }

  get size(): number {
    return this.#order().size
  }

  add(key: string): void {
    this.#sorted?.add(key)
  }

  delete(key: string): void {
    this.#sorted?.delete(key)
  }

  clear(): void {
    this.#sorted = null
  }

  /** Lazy; it shows changes made during the iteration when they lie ahead. */
  iterate(range: KeyRange): Iterable<string> {
    return this.#order().iterate(range)
  }

  /** Called when rows have arrived in the lower layer. */
  relax(): void {
    if (!this.#isRead) this.#sorted = null
    this.#isRead = false
  }

  #order(): SortedKeys {
    this.#isRead = true
    // Binary strings: the order of their UTF-16 units is that of their bytes.
    this.#sorted ??= SortedKeys.fromSorted([...new Set(this.#gather())].sort())
    return this.#sorted
  }
}
