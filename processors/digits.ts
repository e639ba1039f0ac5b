import type { Buffer } from 'node:buffer'

const ZERO = 48
const MINUS = 0x2d
/** Integers below it are small: they have up to nine digits, and dividing them is cheap. */
export const SMALL = 1e9
/** Bytes that an integer takes at most. */
export const MOST_DIGITS = 24

/** Digits of an integer from 0 to 10^15. */
export function lengthOf(value: number): number {
  let length = 1
  for (let limit = 10; value >= limit; limit *= 10) length++
  return length
}

/** Writes the last `length` digits of a small integer. Answers the position behind them. */
export function smallDigits(bytes: Buffer, at: number, value: number, length: number): number {
  let rest = value | 0
  for (let i = at + length - 1; i >= at; i--) {
    const tenth = (rest / 10) | 0
    bytes[i] = ZERO + rest - tenth * 10
    rest = tenth
  }
  return at + length
}

/** Writes any safe integer as JSON has it. Answers the position behind it. */
export function writeInteger(bytes: Buffer, at: number, value: number): number {
  if (value >= 0 && value < SMALL) return smallDigits(bytes, at, value, lengthOf(value))
  if (value > -SMALL && value < 0) {
    bytes[at] = MINUS
    return smallDigits(bytes, at + 1, -value, lengthOf(-value))
  }
  return at + bytes.write(String(value), at, 'latin1')
}
