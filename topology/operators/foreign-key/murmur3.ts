/*
 * Numbers of 64 bits are two halves of 32 bits: BigInt takes three times as long. Functions answer the low half, and leave the high one
 * in `high`.
 */
let high = 0

const SEED = 104_729
const [C1_HIGH, C1_LOW] = [0x87c37b91, 0x114253d5]
const [C2_HIGH, C2_LOW] = [0x4cf5ad43, 0x2745937f]

function multiply(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  const [a0, a1, b0, b1] = [aLow & 0xffff, aLow >>> 16, bLow & 0xffff, bLow >>> 16]
  const first = a1 * b0 + ((a0 * b0) >>> 16)
  const second = a0 * b1 + (first & 0xffff)
  const carried = a1 * b1 + (first >>> 16) + (second >>> 16)
  high = (carried + Math.imul(aHigh, bLow) + Math.imul(aLow, bHigh)) | 0
  return Math.imul(aLow, bLow)
}

function add(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  const low = (aLow >>> 0) + (bLow >>> 0)
  high = (aHigh + bHigh + (low > 0xffffffff ? 1 : 0)) | 0
  return low | 0
}

/** @param bits 1 to 31 */
function rotate(aHigh: number, aLow: number, bits: number): number {
  high = (aHigh << bits) | (aLow >>> (32 - bits))
  return (aLow << bits) | (aHigh >>> (32 - bits))
}

/** Scrambles a half of a block, or of the rest. The first half has other constants than the second one. */
function scramble(kHigh: number, kLow: number, isFirst: boolean): number {
  if (isFirst) {
    const low = multiply(kHigh, kLow, C1_HIGH, C1_LOW)
    const turned = rotate(high, low, 31)
    return multiply(high, turned, C2_HIGH, C2_LOW)
  }
  const low = multiply(kHigh, kLow, C2_HIGH, C2_LOW)
  // By 33 bits: the halves change places.
  const turned = rotate(low, high, 1)
  return multiply(high, turned, C1_HIGH, C1_LOW)
}

/** Scrambles a whole sum at the end. */
function mix(aHigh: number, aLow: number): number {
  const first = multiply(aHigh, aLow ^ (aHigh >>> 1), 0xff51afd7, 0xed558ccd)
  const second = multiply(high, first ^ (high >>> 1), 0xc4ceb9fe, 0x1a85ec53)
  return second ^ (high >>> 1)
}

/** Up to four bytes from `at`, little-endian. */
function tail(bytes: Buffer, at: number): number {
  let value = 0
  for (let i = Math.min(bytes.length, at + 4) - 1; i >= at; i -= 1) value = (value << 8) | (bytes[i] as number)
  return value
}

/**
 * 128-bit hash of a value, 16 bytes, by which a response finds out whether its row has changed. Murmur3 for x64 by Austin
 * Appleby, with the seed of Kafka Streams.
 */
export function murmur3(bytes: Buffer): Buffer {
  let [h1High, h1Low, h2High, h2Low] = [0, SEED, 0, SEED]
  const blocks = bytes.length - (bytes.length % 16)
  for (let at = 0; at < blocks; at += 16) {
    let low = scramble(bytes.readInt32LE(at + 4), bytes.readInt32LE(at), true)
    low = rotate(h1High ^ high, h1Low ^ low, 27)
    low = add(high, low, h2High, h2Low)
    low = multiply(high, low, 0, 5)
    h1Low = add(high, low, 0, 0x52dce729)
    h1High = high
    low = scramble(bytes.readInt32LE(at + 12), bytes.readInt32LE(at + 8), false)
    low = rotate(h2High ^ high, h2Low ^ low, 31)
    low = add(high, low, h1High, h1Low)
    low = multiply(high, low, 0, 5)
    h2Low = add(high, low, 0, 0x38495ab5)
    h2High = high
  }
  h2Low ^= scramble(tail(bytes, blocks + 12), tail(bytes, blocks + 8), false)
  h2High ^= high
  h1Low ^= scramble(tail(bytes, blocks + 4), tail(bytes, blocks), true)
  h1High ^= high
  h2Low ^= bytes.length
  h1Low = add(h1High, h1Low ^ bytes.length, h2High, h2Low)
  h1High = high
  h2Low = add(h2High, h2Low, h1High, h1Low)
  h2High = high
  h1Low = mix(h1High, h1Low)
  h1High = high
  h2Low = mix(h2High, h2Low)
  h2High = high
  h1Low = add(h1High, h1Low, h2High, h2Low)
  h1High = high
  h2Low = add(h2High, h2Low, h1High, h1Low)
  h2High = high
  const hash = Buffer.allocUnsafe(16)
  hash.writeInt32BE(h1High, 0)
  hash.writeInt32BE(h1Low, 4)
  hash.writeInt32BE(h2High, 8)
  hash.writeInt32BE(h2Low, 12)
  return hash
}
