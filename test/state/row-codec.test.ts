import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeRow, EncodableRow, rowTimestamp } from '../../state/layers/row-codec.ts'

const header = fc.record({
  key: fc.string({ unit: 'grapheme', maxLength: 5 }),
  value: fc.option(fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes))),
})
const row = fc.record({
  value: fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc.constant(null),
  ),
  timestamp: fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, -1)),
  headers: fc.array(header, { maxLength: 3 }),
})

describe('the row codec', () => {
  it('returns value bytes, timestamp and headers, wherever the row lies in a buffer', () => {
    fc.assert(
      fc.property(row, fc.integer({ min: 0, max: 9 }), (given, offset) => {
        const encodable = new EncodableRow(given.value, given.timestamp, given.headers)
        const { length } = encodable
        const target = Buffer.alloc(offset + length + 3, 0xee)
        expect(encodable.copy(target, offset)).toBe(length)
        expect(target.subarray(offset + length)).toEqual(Buffer.alloc(3, 0xee))
        const bytes = target.subarray(offset, offset + length)
        const value = typeof given.value === 'string' ? Buffer.from(given.value, 'utf8') : given.value
        expect(decodeRow(bytes)).toEqual({ value, timestamp: given.timestamp, headers: given.headers })
        expect(rowTimestamp(bytes)).toBe(given.timestamp)
      }),
      { seed: 7, numRuns: 500 },
    )
  })

  it('writes exactly these bytes', () => {
    const bytes = Buffer.alloc(11)
    new EncodableRow('hi', 1, []).copy(bytes, 0)
    expect(bytes.toString('hex')).toBe('013ff00000000000006869')
  })

  it('refuses bytes of another format', () => {
    expect(() => decodeRow(Buffer.from('02', 'hex'))).toThrow(/not a row/)
    expect(() => decodeRow(Buffer.alloc(0))).toThrow(/not a row/)
    expect(() => decodeRow(Buffer.from('0100', 'hex'))).toThrow(/not a row/)
  })
})
