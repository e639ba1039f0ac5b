/** Protocol-buffer style varint of a non-negative integer below 2^31. */
export function writeUnsignedVarint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}

/** The value and the offset behind it. Throws RangeError when the bytes end within it. */
export function readUnsignedVarint(bytes: Buffer, offset: number): readonly [value: number, next: number] {
  let value = 0
  for (let i = 0; i < 5; i += 1) {
    const byte = bytes.readUInt8(offset + i)
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return [value, offset + i + 1]
  }
  throw new RangeError('varint is too long')
}
