/** Reads numbers of LevelDB's formats (util/coding.h), one after the other. Throws RangeError behind the end. */
export class VarintReader {
  readonly #bytes: Buffer
  at: number

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  /** A varint of up to 53 bits: file numbers, sizes and sequence numbers need no more. */
  next(): number {
    let value = 0
    for (let unit = 1; unit <= 2 ** 49; unit *= 128) {
      const byte = this.#bytes[this.at++]
      if (byte === undefined) throw new RangeError('a number runs beyond the end of its bytes')
      value += (byte & 0x7f) * unit
      if (byte < 0x80) return value
    }
    throw new RangeError('a number has more than 53 bits')
  }

  /** Skips a string with its length before it. */
  skipString(): void {
    const length = this.next()
    this.at += length
    if (this.at > this.#bytes.length) throw new RangeError('a string runs beyond the end of its bytes')
  }
}
