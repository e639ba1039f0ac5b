/*
 * Numbers inside binary-string keys: big-endian, so that key order is number order.
 */

const HIGH = 0x1_0000_0000

/** 8 bytes of a signed 64-bit integer, as Kafka Streams writes times into keys. 0 <= value <= 2^53. */
export function encodeLong(value: number): string {
  if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw new RangeError(`${value} cannot be a time in a key`)
  const high = Math.floor(value / HIGH)
  const low = value % HIGH
  return String.fromCharCode(
    high >>> 24,
    (high >>> 16) & 0xff,
    (high >>> 8) & 0xff,
    high & 0xff,
    low >>> 24,
    (low >>> 16) & 0xff,
    (low >>> 8) & 0xff,
    low & 0xff,
  )
}

export function decodeLong(key: string, at: number): number {
  return decodeInt(key, at) * HIGH + decodeInt(key, at + 4)
}

/** 4 bytes, unsigned. */
export function encodeInt(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff)
}

export function decodeInt(key: string, at: number): number {
  return (
    key.charCodeAt(at) * 0x100_0000 +
    ((key.charCodeAt(at + 1) << 16) | (key.charCodeAt(at + 2) << 8) | key.charCodeAt(at + 3))
  )
}
