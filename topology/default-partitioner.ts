import { bufferOf, isAscii, type Serialized } from '../state/ports/serde.ts'

const SEED = 0x9747b28c
const M = 0x5bd1e995

/**
 * Kafka's murmur2 over bytes, as the Java client's default partitioner computes it.
 * Source of the algorithm: MurmurHash2 by Austin Appleby, 32 bit, seed 0x9747b28c.
 */
function murmur2(length: number, byteAt: (index: number) => number): number {
  let h = SEED ^ length
  let i = 0
  for (; i + 4 <= length; i += 4) {
    let k = byteAt(i) | (byteAt(i + 1) << 8) | (byteAt(i + 2) << 16) | (byteAt(i + 3) << 24)
    k = Math.imul(k, M)
    k = Math.imul(k ^ (k >>> 24), M)
    h = Math.imul(h, M) ^ k
  }
  const rest = length - i
  if (rest >= 3) h ^= byteAt(i + 2) << 16
  if (rest >= 2) h ^= byteAt(i + 1) << 8
  if (rest >= 1) h = Math.imul(h ^ byteAt(i), M)
  h = Math.imul(h ^ (h >>> 13), M)
  return h ^ (h >>> 15)
}

/** The partition Kafka's default partitioner gives a key: toPositive(murmur2(key)) % partitions. */
export function partitionForKey(key: Serialized, partitions: number): number {
  return hashOfKey(key) % partitions
}

/** Its positive hash, 31 bits. */
export function hashOfKey(key: Serialized): number {
  let hash: number
  if (typeof key === 'string' && isAscii(key)) {
    // ASCII text is its own UTF-8: no buffer needed on the hot path.
    hash = murmur2(key.length, (i) => key.charCodeAt(i))
  } else {
    const bytes = bufferOf(key)
    hash = murmur2(bytes.length, (i) => bytes[i] as number)
  }
  return hash & 0x7fffffff
}
