import { crc32c } from '@node-rs/crc32'
import { readInt64 } from './byte-reader.ts'
import * as layout from './record-batch.ts'

/** Whole batches at the beginning of a partition's fetch answer that are as their producer and broker wrote them. */
export interface CheckedBatches {
  /** End of the last one, in bytes. */
  readonly end: number
  /** Offset after it: the next position to fetch from. */
  readonly position: number
  /** The fault of the batch at `end`. null: the batch is missing or incomplete, as the last one of an answer may be. */
  readonly damage: string | null
}

/** Data may be this much newer than the end in the same answer. */
const FAR_BEYOND = 2 ** 20

/**
 * Checks each batch of `bytes`, fetched from `position`, where `end` is said to be the end of the log. The checksum (KIP-98) covers what
 * stands behind it. Offset, length and version stand before it: they are compared with what is around them.
 */
export function checkBatches(bytes: Buffer, position: number, end: number): CheckedBatches {
  let at = 0
  let next = position
  while (at + layout.PREFIX <= bytes.length) {
    const length = bytes.readInt32BE(at + layout.BATCH_LENGTH)
    if (length < layout.RECORDS - layout.LENGTH_END) return { end: at, position: next, damage: `a length of ${length}` }
    const batchEnd = at + layout.LENGTH_END + length
    if (batchEnd > bytes.length) break
    const damage = damageOf(bytes, at, batchEnd)
    if (damage !== null) return { end: at, position: next, damage }
    const lastOffset = readInt64(bytes, at) + bytes.readInt32BE(at + layout.LAST_OFFSET_DELTA)
    if (lastOffset < next || lastOffset > end + FAR_BEYOND) {
      return { end: at, position: next, damage: `a last offset of ${lastOffset} in a log that ends at ${end}` }
    }
    next = lastOffset + 1
    at = batchEnd
  }
  return { end: at, position: next, damage: null }
}

function damageOf(bytes: Buffer, at: number, end: number): string | null {
  const version = bytes[at + layout.MAGIC]
  if (version !== 2) return `a batch of version ${version} (Kafka before 0.11 wrote others than 2)`
  const isWhole = crc32c(bytes.subarray(at + layout.ATTRIBUTES, end)) === bytes.readUInt32BE(at + layout.CRC)
  return isWhole ? null : 'its checksum does not match'
}
