import { expect, it } from 'vitest'
import {
  ByteWriter,
  lengthOf,
  readLong,
  readSized,
  readVarint,
  sizedLength,
  varintLength,
} from '../../topology/byte-writer.ts'

it.each([0, 1, -1, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1, 2 ** 53 - 1, -(2 ** 53) + 1])(
  'the long %s has the bytes of a BigInt, and is read again',
  (value) => {
    const oracle = Buffer.alloc(8)
    oracle.writeBigInt64BE(BigInt(value))
    const { bytes } = new ByteWriter(8).int64(value)
    expect(bytes).toEqual(oracle)
    expect(readLong(bytes, 0)).toBe(value)
  },
)

it.each([2 ** 63 - 1, -(2 ** 63), 2 ** 53 + 2])('a long beyond 2^53, %s, is read as the nearest number', (value) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt.asIntN(64, value > 2 ** 62 ? 2n ** 63n - 1n : BigInt(value)))
  expect(readLong(bytes, 0)).toBe(Number(bytes.readBigInt64BE()))
})

it.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('the number %s is no long', (value) => {
  expect(() => new ByteWriter(8).int64(value)).toThrow(new RangeError(`${value} is not a safe integer`))
})

it.each([0, 1, 127, 128, 16_383, 16_384, 2 ** 31 - 1])(
  'the varint %s is as long as said, and is read again',
  (value) => {
    const { bytes } = new ByteWriter(varintLength(value)).varint(value)
    expect(readVarint(bytes, 0)).toEqual([value, varintLength(value)])
  },
)

it('texts are written as UTF-8, and what has a length before it is read again', () => {
  const parts = ['', 'ascii', 'Zürich', '東京', null, Buffer.of(0, 255)]
  const { bytes } = parts.reduce(
    (writer, part) => writer.sized(part),
    new ByteWriter(parts.reduce((sum, part) => sum + sizedLength(part), 0)),
  )
  const read: (Buffer | null)[] = []
  for (let at = 0; at < bytes.length; ) {
    const [part, next] = readSized(bytes, at)
    read.push(part)
    at = next
  }
  expect(read).toEqual(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
})

it('what a serde may not return is refused', () => {
  expect(() => lengthOf(new Uint8Array(2) as Buffer)).toThrow(TypeError)
})
