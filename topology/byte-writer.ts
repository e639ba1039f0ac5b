import { checkedSerialized, type Serialized } from '../state/ports/serde.ts'

const HIGH = 2 ** 32
const ABSENT = -1

/** Writes bytes from front to back, into memory of just their length. Numbers are big-endian, as Kafka's own formats have them. */
export class ByteWriter {
  readonly bytes: Buffer
  #at = 0

  /** @param length number of all bytes that will be written */
  constructor(length: number) {
    this.bytes = Buffer.allocUnsafe(length)
  }

  int8(value: number): this {
    this.bytes[this.#at++] = value
    return this
  }

  int32(value: number): this {
    this.bytes.writeInt32BE(value, this.#at)
    this.#at += 4
    return this
  }

  /**
   * Writes 8 bytes, in two halves: a BigInt takes three times as long.
   * @throws RangeError for what is not a whole number within +-2^53
   */
  int64(value: number): this {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`)
    const high = Math.floor(value / HIGH)
    this.bytes.writeInt32BE(high, this.#at)
    this.bytes.writeUInt32BE(value - high * HIGH, this.#at + 4)
    this.#at += 8
    return this
  }

  /** Writes a whole number from 0 to 2^31 - 1 as protocol buffers do. */
  varint(value: number): this {
    let rest = value
    while (rest > 0x7f) {
      this.int8((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    return this.int8(rest)
  }

  put(value: Serialized): this {
    this.#at += typeof value === 'string' ? this.bytes.write(value, this.#at) : value.copy(this.bytes, this.#at)
    return this
  }

  /** Writes 4 bytes of length (-1 for null) before the value. */
  sized(value: Serialized | null): this {
    return value === null ? this.int32(ABSENT) : this.int32(lengthOf(value)).put(value)
  }
}

/** @throws TypeError for what a serde may not return */
export function lengthOf(value: Serialized): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : checkedSerialized(value).length
}

/** Number of bytes that sized() writes. */
export function sizedLength(value: Serialized | null): number {
  return value === null ? 4 : 4 + lengthOf(value)
}

/** Number of bytes that varint() writes. */
export function varintLength(value: number): number {
  let length = 1
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) length++
  return length
}

export function readLong(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4)
}

/** The value and the offset behind it. @throws RangeError when the bytes end within it */
export function readVarint(bytes: Buffer, offset: number): readonly [value: number, next: number] {
  let value = 0
  for (let i = 0; i < 5; i += 1) {
    const byte = bytes.readUInt8(offset + i)
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return [value, offset + i + 1]
  }
  throw new RangeError('varint is too long')
}

/** A view of what sized() wrote, and the offset behind it. */
export function readSized(bytes: Buffer, offset: number): readonly [value: Buffer | null, next: number] {
  const length = bytes.readInt32BE(offset)
  const at = offset + 4
  return length === ABSENT ? [null, at] : [bytes.subarray(at, at + length), at + length]
}
