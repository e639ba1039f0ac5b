const TWO_32 = 4294967296

/** Reads Kafka's primitive types from one contiguous Buffer. 64-bit integers come as JS numbers (exact to 2^53). */
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
    if (length < 0) return null
    this.position += length
    return this.bytes.toString('utf8', this.position - length, this.position)
  }

  /** Pre-KIP-482 string with a 16-bit length; null for -1. */
  string(): string | null {
    const length = this.int16()
    if (length < 0) return null
    this.position += length
    return this.bytes.toString('utf8', this.position - length, this.position)
  }

  /** Pre-KIP-482 bytes with a 32-bit length: a view; null for -1. */
  byteString(): Buffer | null {
    const length = this.int32()
    if (length < 0) return null
    this.position += length
    return this.bytes.subarray(this.position - length, this.position)
  }

  uuid(): string {
    const hex = this.bytes.toString('hex', this.position, this.position + 16)
    this.position += 16
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  skip(length: number): void {
    this.position += length
  }

  skipTaggedFields(): void {
    const count = this.unsignedVarint()
    for (let i = 0; i < count; i++) {
      this.unsignedVarint()
      const size = this.unsignedVarint()
      this.position += size
    }
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
