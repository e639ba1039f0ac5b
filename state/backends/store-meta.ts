import { StateDirectoryError } from '../ports/errors.ts'
import { corrupted, type StoreFiles } from './backend-error.ts'
import { openRow, ROW_CHECK_BYTES, sealRow } from './row-check.ts'

/** A store on disk keeps this beside its rows, in one row of its own. */
export interface StoreMeta {
  /** Next changelog offset; null: there was none yet. */
  readonly position: number | null
  readonly entries: number
  readonly note: string | null
}

export const NO_META: StoreMeta = { position: null, entries: 0, note: null }

/** Every format has the check of a row at its end, so that damage is told from another format. 1 had none, and is rebuilt. */
const FORMAT = 2

const FIXED = 17

/** format u8 | position f64 | entries f64 | note (UTF-8), and the check of a row. @param key of the row */
export function encodeMeta(key: string, position: number, entries: number, note: string | null): Buffer {
  const end = FIXED + Buffer.byteLength(note ?? '')
  const meta = Buffer.alloc(end + ROW_CHECK_BYTES)
  meta[0] = FORMAT
  meta.writeDoubleBE(position, 1)
  meta.writeDoubleBE(entries, 9)
  meta.write(note ?? '', FIXED)
  return sealRow(key, meta, 0, end)
}

/** @throws StoreCorruptedError when the check fails, StateDirectoryError for an intact row of another format */
export function decodeMeta(key: string, stored: Buffer, files: StoreFiles): StoreMeta {
  const meta = openRow(key, stored)
  if (meta === null) throw corrupted(`has a row that fails its checksum: ${JSON.stringify(key)}`, files)
  if (meta[0] !== FORMAT) {
    throw new StateDirectoryError(`${files.path} has store format ${meta[0]}, this version knows ${FORMAT}`)
  }
  const position = meta.readDoubleBE(1)
  return {
    position: position < 0 ? null : position,
    entries: meta.readDoubleBE(9),
    note: meta.length > FIXED ? meta.toString('utf8', FIXED) : null,
  }
}
