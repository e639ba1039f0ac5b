const C1 = 0x87c37b91114253d5n
const C2 = 0x4cf5ad432745937fn
const SEED = 104729n

function multiply(a: bigint, b: bigint): bigint {
  return BigInt.asUintN(64, a * b)
}

function rotate(value: bigint, bits: bigint): bigint {
  return BigInt.asUintN(64, value << bits) | (value >> (64n - bits))
}

function mix(value: bigint): bigint {
  let h = multiply(value ^ (value >> 33n), 0xff51afd7ed558ccdn)
  h = multiply(h ^ (h >> 33n), 0xc4ceb9fe1a85ec53n)
  return h ^ (h >> 33n)
}

/** Up to eight bytes from `at`, little-endian. */
function tail(bytes: Buffer, at: number, end: number): bigint {
  let value = 0n
  for (let i = Math.min(end, at + 8) - 1; i >= at; i -= 1) value = (value << 8n) | BigInt(bytes[i] ?? 0)
  return value
}

/**
 * 128-bit hash of a value, 16 bytes, by which a response finds out whether its row has changed. Murmur3 for x64 by Austin
 * Appleby, with the seed of Kafka Streams.
 */
export function murmur3(bytes: Buffer): Buffer {
  let h1 = SEED
  let h2 = SEED
  const blocks = bytes.length - (bytes.length % 16)
  for (let at = 0; at < blocks; at += 16) {
    const k1 = multiply(rotate(multiply(bytes.readBigUInt64LE(at), C1), 31n), C2)
    h1 = BigInt.asUintN(64, multiply(BigInt.asUintN(64, rotate(h1 ^ k1, 27n) + h2), 5n) + 0x52dce729n)
    const k2 = multiply(rotate(multiply(bytes.readBigUInt64LE(at + 8), C2), 33n), C1)
    h2 = BigInt.asUintN(64, multiply(BigInt.asUintN(64, rotate(h2 ^ k2, 31n) + h1), 5n) + 0x38495ab5n)
  }
  const rest2 = tail(bytes, blocks + 8, bytes.length)
  if (rest2 !== 0n) h2 ^= multiply(rotate(multiply(rest2, C2), 33n), C1)
  const rest1 = tail(bytes, blocks, bytes.length)
  if (rest1 !== 0n) h1 ^= multiply(rotate(multiply(rest1, C1), 31n), C2)
  const length = BigInt(bytes.length)
  h2 ^= length
  h1 = BigInt.asUintN(64, (h1 ^ length) + h2)
  h2 = BigInt.asUintN(64, h2 + h1)
  h1 = mix(h1)
  h2 = mix(h2)
  h1 = BigInt.asUintN(64, h1 + h2)
  h2 = BigInt.asUintN(64, h2 + h1)
  const hash = Buffer.allocUnsafe(16)
  hash.writeBigUInt64BE(h1, 0)
  hash.writeBigUInt64BE(h2, 8)
  return hash
}
