import { MOST_DIGITS, writeInteger } from '../digits.ts'

/*
 * Waits of an hour's trips, ascending: a list of short lists, so that some more cost what short lists cost, however many there are.
 *
 * Invariants:
 * 1. Immutable: addAll() and removeAll() answer another one, which shares all lists that did not change.
 * 2. No list is empty, none has more than MOST values.
 */

const MOST = 256

/** For texts that are being written: large enough for each of them. */
let scratch = Buffer.allocUnsafeSlow(MOST * (MOST_DIGITS + 1))

class Chunk {
  readonly values: readonly number[]
  /** Text of each value's distance to the one before, behind a comma; without the first. Made once for many commits. */
  #steps: Buffer | null = null

  constructor(values: readonly number[]) {
    this.values = values
  }

  get first(): number {
    return this.values[0] as number
  }

  get last(): number {
    return this.values[this.values.length - 1] as number
  }

  get steps(): Buffer {
    if (this.#steps === null) {
      const { values } = this
      let at = 0
      for (let i = 1; i < values.length; i++) {
        scratch[at] = COMMA
        at = writeInteger(scratch, at + 1, (values[i] as number) - (values[i - 1] as number))
      }
      this.#steps = Buffer.from(scratch.subarray(0, at))
    }
    return this.#steps
  }
}

export class Waits {
  readonly length: number
  readonly chunks: readonly Chunk[]

  private constructor(chunks: readonly Chunk[], length: number) {
    this.chunks = chunks
    this.length = length
  }

  static readonly NONE = new Waits([], 0)

  /** @param sorted all waits, ms, ascending */
  static of(sorted: readonly number[]): Waits {
    return new Waits(cut(sorted, MOST / 2), sorted.length)
  }

  /** @param waits ms, in any order */
  addAll(waits: readonly number[]): Waits {
    if (waits.length === 0) return this
    const added = waits.toSorted(ascending)
    const last = this.chunks.length - 1
    if (last < 0) return Waits.of(added)
    const chunks: Chunk[] = []
    let from = 0
    for (const [i, chunk] of this.chunks.entries()) {
      let to = from
      while (to < added.length && (i === last || (added[to] as number) <= chunk.last)) to++
      if (to === from) chunks.push(chunk)
      else chunks.push(...cut(merged(chunk.values, added, from, to), MOST))
      from = to
    }
    return new Waits(chunks, this.length + waits.length)
  }

  /** Without these, which must be there. */
  removeAll(waits: readonly number[]): Waits {
    let left: Waits = this
    for (const wait of waits) left = left.#without(wait)
    return left
  }

  #without(wait: number): Waits {
    const at = this.#chunkOf(wait)
    const chunk = this.chunks[at] as Chunk
    const values = chunk.values.toSpliced(rankOf(chunk.values, wait), 1)
    const parts = values.length === 0 ? [] : [new Chunk(values)]
    return new Waits(this.chunks.toSpliced(at, 1, ...parts), this.length - 1)
  }

  /** The one of that rank, from 0; undefined when there are not so many. */
  at(rank: number): number | undefined {
    let left = rank
    for (const { values } of this.chunks) {
      if (left < values.length) return values[left]
      left -= values.length
    }
    return undefined
  }

  /** `first,distance of the second to the first,...` */
  get steps(): string {
    const most = this.chunks.reduce((sum, chunk) => sum + chunk.steps.length + MOST_DIGITS + 1, 0)
    if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(2 * most)
    let before = 0
    let at = 0
    for (const chunk of this.chunks) {
      if (at > 0) scratch[at++] = COMMA
      at = writeInteger(scratch, at, chunk.first - before)
      at += chunk.steps.copy(scratch, at)
      before = chunk.last
    }
    return scratch.toString('latin1', 0, at)
  }

  /** Index of the first list whose last value is not less. */
  #chunkOf(wait: number): number {
    const { chunks } = this
    let low = 0
    let high = chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((chunks[middle] as Chunk).last < wait) low = middle + 1
      else high = middle
    }
    return low
  }
}

const COMMA = 0x2c

/** Both ascending, the second one from `from` to `to`. */
function merged(values: readonly number[], added: readonly number[], from: number, to: number): number[] {
  const all: number[] = []
  let next = from
  for (const value of values) {
    while (next < to && (added[next] as number) < value) all.push(added[next++] as number)
    all.push(value)
  }
  while (next < to) all.push(added[next++] as number)
  return all
}

const ascending = (a: number, b: number): number => a - b

/** One list when it has `most` values or fewer, else lists that leave room for more. */
function cut(sorted: readonly number[], most: number): Chunk[] {
  if (sorted.length <= most) return sorted.length === 0 ? [] : [new Chunk(sorted)]
  const chunks: Chunk[] = []
  for (let from = 0; from < sorted.length; from += MOST / 2) chunks.push(new Chunk(sorted.slice(from, from + MOST / 2)))
  return chunks
}

/** Index of the first one that is not less. */
function rankOf(sorted: readonly number[], value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}
