import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DamagedFileError } from '../level-files/damaged-file.ts'
import { filesOf } from '../store-directory.ts'

/*
 * RocksDB's log format: blocks of 32 KiB, in them records of
 *   CRC-32C u32 LE | length u16 LE | type u8 | number of the log u32 LE, in some types | payload
 * RocksDB takes a header of zeros for the end of a block that was never written, and goes on with the next block in silence. So a page of
 * zeros whose first byte begins a record hides the batches of its block: all other damage fails a checksum.
 */
const BLOCK = 32 * 1024
const HEADER = 7
const LOG_NUMBER = 4
/** Types whose header has the number of the log. */
const WITH_LOG_NUMBER: ReadonlySet<number> = new Set([5, 6, 7, 8, 11, 131])

/**
 * Checks the logs and the manifest of a RocksDB that nobody has open.
 * @throws DamagedFileError when records follow a header of zeros, in the same file or in a later log
 */
export async function checkRocksdbLogs(path: string): Promise<void> {
  const names = await filesOf(path)
  const logs = names
    .filter((name) => /^\d+\.log$/.test(name))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
  const newest = logs.at(-1)
  for (const name of [...names.filter((name) => name.startsWith('MANIFEST-')), ...logs]) {
    const bytes = await readFile(join(path, name))
    const at = firstZeroHeader(bytes)
    if (at === null) continue
    const isEnd = !logs.includes(name) || name === newest
    if (!isEnd || bytes.subarray(at).some((byte) => byte !== 0))
      throw new DamagedFileError(name, `has zeros at byte ${at}`)
  }
}

/** Null: none, up to the end or to a record that RocksDB refuses. */
function firstZeroHeader(bytes: Buffer): number | null {
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const leftInBlock = BLOCK - (at % BLOCK)
    if (leftInBlock < HEADER) {
      at += leftInBlock
      continue
    }
    const length = bytes.readUInt16LE(at + 4)
    const type = bytes[at + 6] as number
    if (type === 0 && length === 0) {
      // The padding of a block may have room for a header.
      if (!isPadding(bytes, at, leftInBlock)) return at
      at += leftInBlock
      continue
    }
    const header = HEADER + (WITH_LOG_NUMBER.has(type) ? LOG_NUMBER : 0)
    if (header + length > leftInBlock) return null
    at += header + length
  }
  return null
}

/** A record of the types with a log number does not begin in the last 10 bytes of a block. */
function isPadding(bytes: Buffer, at: number, leftInBlock: number): boolean {
  return leftInBlock < HEADER + LOG_NUMBER && bytes.subarray(at, at + leftInBlock).every((byte) => byte === 0)
}
