/** A block of snappy's raw format, and how many bytes it says to be decompressed. */
export interface SnappyBlock {
  readonly bytes: Buffer
  readonly size: number
}

/** Java's producers write blocks of 32 KiB behind this header (xerial), others one block for the whole batch. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER = 16

/** The blocks of a batch. @throws RangeError for a block that is not there whole */
export function* snappyBlocks(bytes: Buffer): Generator<SnappyBlock> {
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) {
    yield { bytes, size: sizeOf(bytes) }
    return
  }
  for (let at = XERIAL_HEADER; at < bytes.length; ) {
    const length = bytes.readInt32BE(at)
    at += 4
    if (length <= 0 || at + length > bytes.length) throw new RangeError('a snappy block is cut off')
    const block = bytes.subarray(at, at + length)
    yield { bytes: block, size: sizeOf(block) }
    at += length
  }
}

/** The varint that a block begins with. */
function sizeOf(block: Buffer): number {
  let size = 0
  for (let i = 0; i < 5; i++) {
    const byte = block[i] ?? 0
    size += (byte & 0x7f) * 128 ** i
    if (byte < 0x80) break
  }
  return size
}
