/*
 * Waits of an hour's trips, ascending: a list of short lists, so that one more costs what a short list costs, however many there are.
 *
 * Invariants:
 * 1. Immutable: add() and remove() answer another one, which shares all lists but one or two.
 * 2. No list is empty, none has more than MOST values.
 */

const MOST = 256

class Chunk {
  readonly values: readonly number[]
  /** Each value's distance to the one before, behind a comma; without the first. Made once for many commits. */
  #steps: string | null = null

  constructor(values: readonly number[]) {
    this.values = values
  }

  get first(): number {
    return this.values[0] as number
  }

  get last(): number {
    return this.values[this.values.length - 1] as number
  }

  get steps(): string {
    if (this.#steps === null) {
      const { values } = this
      let text = ''
      for (let i = 1; i < values.length; i++) text += `,${(values[i] as number) - (values[i - 1] as number)}`
      this.#steps = text
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

  /** @param ascending all waits, ms */
  static of(ascending: readonly number[]): Waits {
    const chunks: Chunk[] = []
    for (let from = 0; from < ascending.length; from += MOST / 2) {
      chunks.push(new Chunk(ascending.slice(from, from + MOST / 2)))
    }
    return new Waits(chunks, ascending.length)
  }

  add(wait: number): Waits {
    const at = Math.min(this.#chunkOf(wait), this.chunks.length - 1)
    const chunk = this.chunks[at]
    if (chunk === undefined) return Waits.of([wait])
    const values = chunk.values.toSpliced(rankOf(chunk.values, wait), 0, wait)
    const middle = values.length >>> 1
    const parts =
      values.length <= MOST
        ? [new Chunk(values)]
        : [new Chunk(values.slice(0, middle)), new Chunk(values.slice(middle))]
    return new Waits(this.chunks.toSpliced(at, 1, ...parts), this.length + 1)
  }

  /** Without one of that length, which must be there. */
  remove(wait: number): Waits {
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
    let before = 0
    const parts: string[] = []
    for (const chunk of this.chunks) {
      parts.push(`${chunk.first - before}${chunk.steps}`)
      before = chunk.last
    }
    return parts.join(',')
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
