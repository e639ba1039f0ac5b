import type { Header, Headers } from '../../state/ports/headers.ts'

/**
 * Headers of one record, kept as bytes until they are read: most records are processed without them. `bytes` from `start` to
 * `end` are the wire's bytes after the header count, so an encoder may copy them unchanged.
 */
export class RecordHeaders implements Headers {
  readonly length: number
  readonly bytes: Buffer
  readonly start: number
  readonly end: number

  constructor(length: number, bytes: Buffer, start: number, end: number) {
    this.length = length
    this.bytes = bytes
    this.start = start
    this.end = end
  }

  *[Symbol.iterator](): Iterator<Header> {
    const { bytes } = this
    let position = this.start
    const varint = (): number => {
      let value = 0
      let shift = 0
      let byte: number
      do {
        byte = bytes[position++] as number
        value |= (byte & 0x7f) << shift
        shift += 7
      } while (byte >= 0x80)
      return (value >>> 1) ^ -(value & 1)
    }
    for (let i = 0; i < this.length; i++) {
      const keyEnd = varint() + position
      const key = bytes.toString('utf8', position, keyEnd)
      position = keyEnd
      const size = varint()
      const value = size < 0 ? null : bytes.subarray(position, position + size)
      if (value !== null) position += size
      yield { key, value }
    }
  }
}
