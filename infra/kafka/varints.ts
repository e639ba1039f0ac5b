import { Buffer } from 'node:buffer'

/** A text up to this length is copied char by char: cheaper than a call into the runtime. */
const SHORT_TEXT = 48

/** Bytes of the text in UTF-8. */
export function textLength(text: string): number {
  const { length } = text
  if (length > SHORT_TEXT) return Buffer.byteLength(text)
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text)
  return length
}

/** Writes the text as UTF-8; `length` is its textLength(). Gives the position behind it. */
export function writeText(bytes: Buffer, position: number, text: string, length: number): number {
  if (length !== text.length) bytes.write(text, position, length, 'utf8')
  else if (length > SHORT_TEXT) bytes.write(text, position, length, 'latin1')
  else for (let i = 0; i < length; i++) bytes[position + i] = text.charCodeAt(i)
  return position + length
}

/** Size of a zigzag varint of a 32-bit integer >= -1. */
export function varintSize(value: number): number {
  const zigzag = value < 0 ? 1 : value * 2
  return zigzag < 0x80 ? 1 : zigzag < 0x4000 ? 2 : zigzag < 0x200000 ? 3 : zigzag < 0x10000000 ? 4 : 5
}

export function writeVarint(bytes: Buffer, at: number, value: number): number {
  let position = at
  let rest = value < 0 ? 1 : value * 2
  while (rest >= 0x80) {
    bytes[position++] = (rest & 0x7f) | 0x80
    rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 128)
  }
  bytes[position++] = rest
  return position
}

/** Zigzag in doubles: exact as long as |value| < 2^52, which is 142,000 years of milliseconds. */
function zigzagLong(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2
}

export function varlongSize(value: number): number {
  let rest = zigzagLong(value)
  let size = 1
  while (rest >= 128) {
    rest = Math.floor(rest / 128)
    size++
  }
  return size
}

export function writeVarlong(bytes: Buffer, at: number, value: number): number {
  let position = at
  let rest = zigzagLong(value)
  while (rest >= 128) {
    bytes[position++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  bytes[position++] = rest
  return position
}
