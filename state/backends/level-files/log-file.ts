import { DamagedFileError } from './damaged-file.ts'
import { hasMaskedCrc } from './masked-crc.ts'

/*
 * LevelDB's log format (doc/log_format.md): blocks of 32 KiB, in them records of
 *   CRC-32C u32 LE | length u16 LE | type u8 | payload
 * A record that does not fit into its block is cut into first, middle, last. LevelDB itself skips what it cannot read, in
 * silence when it is zeros, and goes on behind it: the rows of a batch in the middle are then the ones from before.
 */
const BLOCK = 32 * 1024
const HEADER = 7
const FULL = 1
const FIRST = 2
const MIDDLE = 3
const LAST = 4

/**
 * The records of a log or manifest, in order. A tail that is cut off is what a process leaves that was killed while it wrote: all
 * that comes before it is whole. Anything else is damage.
 * @throws DamagedFileError
 */
export function* logRecords(file: string, bytes: Buffer): Generator<Buffer> {
  let fragments: Buffer[] | null = null
  for (let at = 0; ; ) {
    const damaged = (what: string): DamagedFileError => new DamagedFileError(file, `${what} at byte ${at}`)
    const leftInBlock = BLOCK - (at % BLOCK)
    if (leftInBlock < HEADER) {
      if (bytes.subarray(at, at + leftInBlock).some((byte) => byte !== 0))
        throw damaged('has bytes other than zero in its padding')
      at += leftInBlock
      continue
    }
    if (at + HEADER > bytes.length) return
    const length = bytes.readUInt16LE(at + 4)
    const end = at + HEADER + length
    const type = bytes[at + 6] as number
    if (HEADER + length > leftInBlock || type < FULL || type > LAST) throw damaged('has no record')
    if (end > bytes.length) return
    if (!hasMaskedCrc(bytes.subarray(at + HEADER - 1, end), bytes.readUInt32LE(at))) throw damaged('fails its checksum')
    if ((type === FULL || type === FIRST) !== (fragments === null)) throw damaged('has a record that breaks off')
    const payload = bytes.subarray(at + HEADER, end)
    at = end
    if (type === FULL) {
      yield payload
      continue
    }
    fragments ??= []
    fragments.push(payload)
    if (type === MIDDLE || type === FIRST) continue
    yield Buffer.concat(fragments)
    fragments = null
  }
}
