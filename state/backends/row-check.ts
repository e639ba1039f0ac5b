import { crc32 } from 'node:zlib'

/*
 * A checksum for rows on disk, for backends whose own reads compare none. Behind each row stands the CRC-32 of the row and of a hash
 * of its key (in the place where the CRC then stands: one call and one view for all of it). It finds a row that was changed, or that
 * stands under another key. It cannot find a row that is gone.
 */
export const ROW_CHECK_BYTES = 4

/** Writes the check of the row in `[start, end)` of `slab` behind it. Answers both, as a view. */
export function sealRow(key: string, slab: Buffer, start: number, end: number): Buffer {
  const stored = slab.subarray(start, end + ROW_CHECK_BYTES)
  slab.writeInt32LE(hashOf(key), end)
  slab.writeUInt32LE(crc32(stored), end)
  return stored
}

/** The row without its check; null when they do not fit together. Writes over the check. */
export function openRow(key: string, stored: Buffer): Buffer | null {
  const end = stored.length - ROW_CHECK_BYTES
  if (end < 0) return null
  const check = stored.readUInt32LE(end)
  stored.writeInt32LE(hashOf(key), end)
  return crc32(stored) === check ? stored.subarray(0, end) : null
}

/** FNV-1a of the char codes (Fowler, Noll, Vo), 32 bits: a key with one changed bit has another one. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return hash | 0
}
