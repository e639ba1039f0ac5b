const HEX: readonly string[] = Array.from({ length: 65_536 }, (_, i) => i.toString(16).padStart(4, '0'))

/**
 * Seeded random numbers: sfc32 (Chris Doty-Humphrey's Small Fast Counting generator, PractRand), 128 bits of state.
 * The same seeds give the same numbers on every machine.
 */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** Two numbers, so that every ride of a seed has a sequence of its own. */
  constructor(seed: number, sequence = 0) {
    this.#a = seed | 0
    this.#b = sequence | 0
    this.#c = (seed / 4_294_967_296) | 0
    for (let i = 0; i < 12; i++) this.#next()
  }

  /** [0, 1) */
  unit(): number {
    return (this.#next() >>> 0) / 4_294_967_296
  }

  between(low: number, high: number): number {
    return low + this.unit() * (high - low)
  }

  /** Whole numbers in [low, high]. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.unit() < probability
  }

  pick<T>(values: readonly [T, ...T[]] | readonly T[]): T {
    return values[this.integer(0, values.length - 1)] as T
  }

  /** Centred on 0, rarely beyond ±3: the sum of four uniforms, scaled to variance 1. */
  bell(): number {
    return (this.unit() + this.unit() + this.unit() + this.unit() - 2) * 1.732
  }

  /** A version 4 UUID of random bits. */
  uuid(): string {
    const a = this.#next()
    const b = this.#next()
    const c = this.#next()
    const d = this.#next()
    const version = (b & 0x0fff) | 0x4000
    const variant = (c & 0x3fff) | 0x8000
    return `${HEX[a >>> 16]}${HEX[a & 0xffff]}-${HEX[b >>> 16]}-${HEX[version]}-${HEX[variant]}-${HEX[c >>> 16]}${HEX[d >>> 16]}${HEX[d & 0xffff]}`
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum
  }
}
