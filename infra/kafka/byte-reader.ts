const TWO_32 = 4294967296

/**
 * Reads Kafka's primitive types from one contiguous Buffer. 64-bit integers come as JS numbers (exact to 2^53). Each method throws a
 * RangeError when the bytes end before the value does.
 */
export class ByteReader {
  readonly bytes: Buffer
  position: number

  constructor(bytes: Buffer, position = 0) {
    this.bytes = bytes
    this.position = position
  }

  int8(): number {
    return this.bytes.readInt8(this.position++)
  }

  int16(): number {
    const value = this.bytes.readInt16BE(this.position)
    this.position += 2
    return value
  }

  int32(): number {
    const value = this.bytes.readInt32BE(this.position)
    this.position += 4
    return value
  }

  int64(): number {
    const value = readInt64(this.bytes, this.position)
    this.position += 8
    return value
  }

  unsignedVarint(): number {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = this.bytes[this.position++]
      if (byte === undefined) throw new RangeError('varint beyond the end of the message')
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 128
    }
  }

  /** Length of a compact array or string; -1 for null. */
  compactLength(): number {
    return this.unsignedVarint() - 1
  }

  compactString(): string | null {
    const length = this.compactLength()
    return length < 0 ? null : this.#text(length)
  }

  /** Pre-KIP-482 string with a 16-bit length; null for -1. */
  string(): string | null {
    const length = this.int16()
    return length < 0 ? null : this.#text(length)
  }

  /** Pre-KIP-482 bytes with a 32-bit length: a view; null for -1. */
  byteString(): Buffer | null {
    const length = this.int32()
    return length < 0 ? null : this.view(length)
  }

  uuid(): string {
    const hex = this.view(16).toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  /** The next bytes, not copied. */
  view(length: number): Buffer {
    const start = this.position
    this.skip(length)
    return this.bytes.subarray(start, this.position)
  }

  skip(length: number): void {
    if (!(length >= 0 && length <= this.bytes.length - this.position)) {
      throw new RangeError(`${length} bytes, where ${this.bytes.length - this.position} are left`)
    }
    this.position += length
  }

  /** @throws RangeError when something is left */
  end(): void {
    if (this.position !== this.bytes.length) throw new RangeError(`${this.bytes.length - this.position} bytes too many`)
  }

  skipTaggedFields(): void {
    const count = this.unsignedVarint()
    for (let i = 0; i < count; i++) {
      this.unsignedVarint()
      this.skip(this.unsignedVarint())
    }
  }

  #text(length: number): string {
    const start = this.position
    this.skip(length)
    return this.bytes.toString('utf8', start, this.position)
  }
}

/** Big-endian signed 64-bit integer as a JS number. */
export function readInt64(bytes: Buffer, position: number): number {
  return bytes.readInt32BE(position) * TWO_32 + bytes.readUInt32BE(position + 4)
}

/** Writes a JS integer (|value| <= 2^53) as big-endian signed 64 bits. */
export function writeInt64(bytes: Buffer, value: number, position: number): void {
  const high = Math.floor(value / TWO_32)
  bytes.writeInt32BE(high, position)
  bytes.writeUInt32BE(value - high * TWO_32, position + 4)
}
