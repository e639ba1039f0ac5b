/*
 * Owns: the keys of rows that are on their way to a lower layer. All of them come and go with each commit, and most stores never read them
 * in order: they are sorted when somebody does.
 *
 * Invariant: keys stay sorted until a relax() before which nobody has read them for a whole commit. So no iterator of a
 * record loses its set.
 */
import type { KeyRange } from '../ports/backend.ts'
import { SortedKeys } from './sorted-keys.ts'

export class FreshKeys {
  #keys: Set<string> | SortedKeys = new Set()
  #isRead = false

  get size(): number {
    return this.#keys.size
  }

  add(key: string): void {
    this.#keys.add(key)
  }

  delete(key: string): void {
    this.#keys.delete(key)
  }

  clear(): void {
    this.#keys = new Set()
  }

  /** Lazy; it shows changes made during the iteration when they lie ahead. */
  iterate(range: KeyRange): Iterable<string> {
    this.#isRead = true
    // Binary strings: the order of their UTF-16 units is that of their bytes.
    if (this.#keys instanceof Set) this.#keys = SortedKeys.fromSorted([...this.#keys].sort())
    return this.#keys.iterate(range)
  }

  /** Called when a commit is over. */
  relax(): void {
    if (!this.#isRead && this.#keys instanceof SortedKeys) this.#keys = new Set(this.#keys.iterate({}))
    this.#isRead = false
  }
}
