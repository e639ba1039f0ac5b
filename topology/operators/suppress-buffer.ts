import type { Headers } from '../../state/ports/headers.ts'
import type { KeyValueStore } from '../../state/ports/stores.ts'

/** The latest held-back change of a key, and the value that was sent last. */
export interface BufferedChange<V> {
  /** Place in the queue, set by the first change; later changes do not move it. */
  readonly bufferTime: number
  readonly newValue: V | null
  readonly oldValue: V | null
  /** The visible value before any change was held back. */
  readonly priorValue: V | null
  readonly timestamp: number
  readonly headers: Headers
}

export type SuppressStore<K, V> = KeyValueStore<K, BufferedChange<V>>

interface Slot<K> {
  readonly time: number
  /** Serialised key as a binary string: order among equal times. */
  readonly order: string
  readonly key: K
}

/**
 * Owns the order in which held changes leave; the changes themselves are in a store with a changelog.
 *
 * Invariants:
 * 1. There is exactly one slot per row of the store.
 * 2. A slot never moves: its time is the bufferTime of its row.
 * 3. Slots leave by time, then key bytes.
 */
export class SuppressBuffer<K, V> {
  readonly #store: SuppressStore<K, V>
  readonly #orderOf: (key: K) => string
  readonly #sizeOf: ((key: K, row: BufferedChange<V>) => number) | null
  /** Binary heap. */
  readonly #slots: Slot<K>[] = []
  #bytes = 0

  /** `sizeOf` null: bytes are not counted. */
  constructor(
    store: SuppressStore<K, V>,
    orderOf: (key: K) => string,
    sizeOf: ((key: K, row: BufferedChange<V>) => number) | null,
  ) {
    this.#store = store
    this.#orderOf = orderOf
    this.#sizeOf = sizeOf
    for (const [key, row] of store.all()) this.#enter(key, row)
  }

  get records(): number {
    return this.#slots.length
  }

  /** Estimated bytes held. */
  get bytes(): number {
    return this.#bytes
  }

  /** Time of the slot that leaves next; Infinity when empty. */
  get minTime(): number {
    return this.#slots[0]?.time ?? Number.POSITIVE_INFINITY
  }

  put(key: K, time: number, change: Omit<BufferedChange<V>, 'bufferTime' | 'priorValue'>): void {
    const held = this.#store.get(key)
    const row: BufferedChange<V> =
      held === null
        ? { ...change, bufferTime: time, priorValue: change.oldValue }
        : { ...change, bufferTime: held.bufferTime, priorValue: held.priorValue }
    this.#store.put(key, row)
    if (held === null) this.#enter(key, row)
    else if (this.#sizeOf !== null) this.#bytes += this.#sizeOf(key, row) - this.#sizeOf(key, held)
  }

  /** Takes out the change that leaves next. */
  take(): readonly [key: K, change: BufferedChange<V>] | null {
    const slot = this.#slots[0]
    if (slot === undefined) return null
    const last = this.#slots.pop()
    if (last !== undefined && this.#slots.length > 0) {
      this.#slots[0] = last
      this.#siftDown()
    }
    const row = this.#store.delete(slot.key)
    if (row === null) throw new Error('a slot of the suppress buffer has no row')
    if (this.#sizeOf !== null) this.#bytes -= this.#sizeOf(slot.key, row)
    return [slot.key, row]
  }

  #enter(key: K, row: BufferedChange<V>): void {
    this.#slots.push({ time: row.bufferTime, order: this.#orderOf(key), key })
    this.#siftUp()
    if (this.#sizeOf !== null) this.#bytes += this.#sizeOf(key, row)
  }

  #siftUp(): void {
    let at = this.#slots.length - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfBefore(at, parent)) return
      at = parent
    }
  }

  #siftDown(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1
      const child = left + 1 < this.#slots.length && this.#before(left + 1, left) ? left + 1 : left
      if (child >= this.#slots.length || !this.#swapIfBefore(child, at)) return
      at = child
    }
  }

  #swapIfBefore(a: number, b: number): boolean {
    const slotA = this.#slots[a]
    const slotB = this.#slots[b]
    if (slotA === undefined || slotB === undefined || !this.#before(a, b)) return false
    this.#slots[a] = slotB
    this.#slots[b] = slotA
    return true
  }

  #before(a: number, b: number): boolean {
    const slotA = this.#slots[a]
    const slotB = this.#slots[b]
    if (slotA === undefined || slotB === undefined) return false
    return slotA.time === slotB.time ? slotA.order < slotB.order : slotA.time < slotB.time
  }
}
