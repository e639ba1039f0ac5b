/*
 * Owns: the keys of rows that are on their way to a lower layer. All of them come and go with each commit, and most stores never read them
 * in order: they are sorted when somebody does.
 *
 * Invariants
 * 1. Either `#unordered` or `#sorted` has all keys; the other one is null.
 * 2. Keys stay sorted until a relax() before which nobody has read them for a whole commit. So no iterator of a record loses its set.
 */
import type { KeyRange } from '../ports/backend.ts'
import { SortedKeys } from './sorted-keys.ts'

export class FreshKeys {
  #unordered: Set<string> | null = new Set()
  #sorted: SortedKeys | null = null
  #isRead = false

  get size(): number {
    return this.#unordered === null ? (this.#sorted as SortedKeys).size : this.#unordered.size
  }

  add(key: string): void {
    if (this.#unordered !== null) this.#unordered.add(key)
    else (this.#sorted as SortedKeys).add(key)
  }

  delete(key: string): void {
    if (this.#unordered !== null) this.#unordered.delete(key)
    else (this.#sorted as SortedKeys).delete(key)
  }

  clear(): void {
    this.#unordered = new Set()
    this.#sorted = null
  }

  /** Lazy; it shows changes made during the iteration when they lie ahead. */
  iterate(range: KeyRange): Iterable<string> {
    this.#isRead = true
    if (this.#unordered !== null) {
      // Binary strings: the order of their UTF-16 units is that of their bytes.
      this.#sorted = SortedKeys.fromSorted([...this.#unordered].sort())
      this.#unordered = null
    }
    return (this.#sorted as SortedKeys).iterate(range)
  }

  /** Called when a commit is over. */
  relax(): void {
    if (!this.#isRead && this.#sorted !== null) {
      this.#unordered = new Set(this.#sorted.iterate({}))
      this.#sorted = null
    }
    this.#isRead = false
  }
}
