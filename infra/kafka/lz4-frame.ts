/*
 * LZ4 frames (lz4_Frame_format.md, 1.6): magic, a descriptor, blocks of at most a size that the descriptor names, an end mark. Kafka's
 * producers write blocks that do not refer to each other, so each can be decompressed on its own.
 */

const MAGIC_BYTES = 4
const INDEPENDENT = 0x20
const HAS_BLOCK_CHECKSUM = 0x10
const HAS_CONTENT_SIZE = 0x08
const HAS_DICTIONARY = 0x01
/** Bit of a block's size that marks an uncompressed block. */
const IS_STORED = 0x80000000
/** Magic, independent blocks of at most 4 MiB without checksums, and the checksum of this: fits blocks of every size. */
const PLAIN_HEADER = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73])
const END_MARK = Buffer.alloc(4)

export interface Lz4Blocks {
  /** Most bytes that come out of them. */
  readonly mostBytes: number
  /** Frames of one block each; the frame as it is when its blocks refer to each other. */
  frames(): Iterable<Buffer>
}

/** @throws RangeError for a block that is not there whole */
export function lz4Blocks(bytes: Buffer): Lz4Blocks {
  const flags = bytes.readUInt8(MAGIC_BYTES)
  const blockBytes = 4 ** (4 + ((bytes.readUInt8(MAGIC_BYTES + 1) >> 4) & 7))
  const header = MAGIC_BYTES + 2 + (flags & HAS_CONTENT_SIZE ? 8 : 0) + (flags & HAS_DICTIONARY ? 4 : 0) + 1
  const blocks: Buffer[] = []
  for (let at = header; ; ) {
    const size = bytes.readUInt32LE(at)
    if (size === 0) break
    const end = at + 4 + (size >= IS_STORED ? size - IS_STORED : size)
    if (end > bytes.length) throw new RangeError('an LZ4 block is cut off')
    blocks.push(bytes.subarray(at, end))
    at = end + (flags & HAS_BLOCK_CHECKSUM ? 4 : 0)
  }
  return {
    mostBytes: blocks.length * blockBytes,
    *frames() {
      if ((flags & INDEPENDENT) === 0) yield bytes
      else for (const block of blocks) yield Buffer.concat([PLAIN_HEADER, block, END_MARK])
    },
  }
}
