import { snappyDecompress } from '@platformatic/wasm-utils'
import { DamagedFileError } from './damaged-file.ts'
import { hasMaskedCrc } from './masked-crc.ts'
import { VarintReader } from './varints.ts'

/*
 * LevelDB's table format (doc/table_format.md): data blocks, filter block, meta index, index, footer. Behind each block stand
 *   compression u8 (0 none, 1 snappy) | CRC-32C u32 LE of block and compression
 * LevelDB does not compare them when it reads (ReadOptions.verify_checksums is not to be had from JavaScript).
 */
const FOOTER = 48
const MAGIC = Buffer.from('57fb808b247547db', 'hex')
const TRAILER = 5
const SNAPPY = 1

interface BlockHandle {
  readonly offset: number
  readonly size: number
}

/** Compares every byte of a table with the checksums in it. @throws DamagedFileError */
export function checkTable(file: string, bytes: Buffer): void {
  if (bytes.length < FOOTER || !bytes.subarray(-MAGIC.length).equals(MAGIC)) {
    throw new DamagedFileError(file, 'does not end as a table ends')
  }
  try {
    const footer = new VarintReader(bytes, bytes.length - FOOTER)
    const metaIndex = handleAt(footer)
    const index = handleAt(footer)
    let checked = FOOTER
    for (const handle of [metaIndex, index]) {
      checked += handle.size + TRAILER
      for (const block of handlesIn(contents(checkedBlock(file, bytes, handle)))) {
        checkedBlock(file, bytes, block)
        checked += block.size + TRAILER
      }
    }
    if (checked !== bytes.length) throw new DamagedFileError(file, 'has bytes that belong to no block')
  } catch (error) {
    if (error instanceof DamagedFileError) throw error
    throw new DamagedFileError(file, 'has an index that cannot be read', { cause: error })
  }
}

/** The block with its compression byte. */
function checkedBlock(file: string, bytes: Buffer, { offset, size }: BlockHandle): Buffer {
  if (offset + size + TRAILER > bytes.length) throw new DamagedFileError(file, `names a block beyond its end`)
  const block = bytes.subarray(offset, offset + size + 1)
  if (!hasMaskedCrc(block, bytes.readUInt32LE(offset + size + 1))) {
    throw new DamagedFileError(file, `fails the checksum of its block at byte ${offset}`)
  }
  return block
}

function contents(block: Buffer): Buffer {
  const compressed = block.subarray(0, -1)
  return block.at(-1) === SNAPPY ? snappyDecompress(compressed) : compressed
}

/** Values of an index block: entries of shared, unshared, value length | key | value, then the restart points. */
function* handlesIn(index: Buffer): Generator<BlockHandle> {
  const end = index.length - 4 - 4 * index.readUInt32LE(index.length - 4)
  const reader = new VarintReader(index)
  while (reader.at < end) {
    reader.next()
    const unshared = reader.next()
    const length = reader.next()
    reader.at += unshared
    const next = reader.at + length
    yield handleAt(reader)
    reader.at = next
  }
}

function handleAt(reader: VarintReader): BlockHandle {
  return { offset: reader.next(), size: reader.next() }
}
