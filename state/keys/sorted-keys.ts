/*
 * Owns: a set of binary-string keys in byte order, in memory.
 *
 * Blocks of sorted arrays: finding is two binary searches, inserting moves at most one block. Chosen over a
 * tree because strings in flat arrays cost 8 bytes each and iterate fast.
 *
 * Invariants
 * 1. Concatenating the blocks gives strictly ascending keys; no block is empty.
 * 2. `size` is the sum of the block lengths.
 */
import type { KeyRange } from '../ports/backend.ts'

const BLOCK = 512

export class SortedKeys {
  #blocks: string[][] = []
  #size = 0
  /** Grows with every change, so that running iterators find their place again. */
  #version = 0

  /** `keys` must be strictly ascending. */
  static fromSorted(keys: readonly string[]): SortedKeys {
    const sorted = new SortedKeys()
    for (let at = 0; at < keys.length; at += BLOCK) sorted.#blocks.push(keys.slice(at, at + BLOCK))
    sorted.#size = keys.length
    return sorted
  }

  get size(): number {
    return this.#size
  }

  has(key: string): boolean {
    const block = this.#blocks[this.#blockOf(key)]
    return block !== undefined && block[lowerBound(block, key)] === key
  }

  /** False when the key was there already. */
  add(key: string): boolean {
    const at = this.#blockOf(key)
    const block = this.#blocks[at]
    if (block === undefined) {
      this.#blocks.push([key])
    } else {
      const index = lowerBound(block, key)
      if (block[index] === key) return false
      if (block.length < BLOCK) block.splice(index, 0, key)
      else this.#split(at, block, index, key)
    }
    this.#size++
    this.#version++
    return true
  }

  /** False when the key was not there. */
  delete(key: string): boolean {
    const at = this.#blockOf(key)
    const block = this.#blocks[at]
    if (block === undefined) return false
    const index = lowerBound(block, key)
    if (block[index] !== key) return false
    if (block.length === 1) this.#blocks.splice(at, 1)
    else block.splice(index, 1)
    this.#size--
    this.#version++
    return true
  }

  clear(): void {
    this.#blocks = []
    this.#size = 0
    this.#version++
  }

  /** Lazy; it shows changes made during the iteration when they lie ahead. */
  iterate(range: KeyRange): Iterable<string> {
    return range.reverse === true ? this.#descend(range) : this.#ascend(range)
  }

  *#ascend({ from = '', to }: KeyRange): Generator<string> {
    let at = this.#blockOf(from)
    let index = lowerBound(this.#blocks[at] ?? [], from)
    let version = this.#version
    for (;;) {
      const block = this.#blocks[at]
      if (block === undefined) return
      const key = block[index]
      if (key === undefined) {
        at++
        index = 0
        continue
      }
      if (to !== undefined && key >= to) return
      yield key
      index++
      if (version !== this.#version) {
        version = this.#version
        at = this.#blockOf(key)
        index = upperBound(this.#blocks[at] ?? [], key)
      }
    }
  }

  *#descend({ from = '', to }: KeyRange): Generator<string> {
    let at = to === undefined ? this.#blocks.length - 1 : this.#blockOf(to)
    let index = (to === undefined ? (this.#blocks[at]?.length ?? 0) : lowerBound(this.#blocks[at] ?? [], to)) - 1
    let version = this.#version
    for (;;) {
      const key = this.#blocks[at]?.[index]
      if (key === undefined) {
        if (--at < 0) return
        index = (this.#blocks[at]?.length ?? 0) - 1
        continue
      }
      if (key < from) return
      yield key
      index--
      if (version !== this.#version) {
        version = this.#version
        at = this.#blockOf(key)
        index = lowerBound(this.#blocks[at] ?? [], key) - 1
      }
    }
  }

  /** Index of the last block whose first key is <= key; 0 when there is none. */
  #blockOf(key: string): number {
    const blocks = this.#blocks
    let low = 0
    let high = blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (((blocks[middle] as string[])[0] as string) <= key) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : low - 1
  }

  #split(at: number, block: string[], index: number, key: string): void {
    // Ascending inserts (times, sequences) leave full blocks behind instead of half-empty ones.
    if (index === block.length && at === this.#blocks.length - 1) {
      this.#blocks.push([key])
      return
    }
    const upper = block.splice(BLOCK / 2)
    if (index <= BLOCK / 2) block.splice(index, 0, key)
    else upper.splice(index - BLOCK / 2, 0, key)
    this.#blocks.splice(at + 1, 0, upper)
  }
}

/** Both inputs in the same order; a key in both comes once. They are closed when the merge ends, however it ends. */
export function* mergeKeys(a: Iterable<string>, b: Iterable<string>, reverse: boolean): Generator<string> {
  const as = a[Symbol.iterator]()
  const bs = b[Symbol.iterator]()
  try {
    let left = as.next()
    let right = bs.next()
    while (left.done !== true || right.done !== true) {
      if (right.done === true) {
        yield left.value
        left = as.next()
      } else if (left.done === true) {
        yield right.value
        right = bs.next()
      } else if (left.value === right.value) {
        yield left.value
        left = as.next()
        right = bs.next()
      } else if (left.value < right.value !== reverse) {
        yield left.value
        left = as.next()
      } else {
        yield right.value
        right = bs.next()
      }
    }
  } finally {
    try {
      as.return?.()
    } finally {
      bs.return?.()
    }
  }
}

/** First index whose key is >= key. */
function lowerBound(block: readonly string[], key: string): number {
  let low = 0
  let high = block.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((block[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}

/** First index whose key is > key. */
function upperBound(block: readonly string[], key: string): number {
  const at = lowerBound(block, key)
  return block[at] === key ? at + 1 : at
}
