import { DamagedFileError } from './damaged-file.ts'
import { logRecords } from './log-file.ts'
import { VarintReader } from './varints.ts'

/** The files of a database, as its manifest lists them. */
export interface LiveFiles {
  /** Batches are in logs from this number on, and in `previousLog`. */
  readonly firstLog: number
  readonly previousLog: number
  /** Sequence number of the last change that the manifest knew. */
  readonly lastSequence: number
  /** Number of each table and its size in bytes. */
  readonly tables: ReadonlyMap<number, number>
}

/** Tags of a version edit (db/version_edit.cc). */
const COMPARATOR = 1
const LOG_NUMBER = 2
const NEXT_FILE_NUMBER = 3
const LAST_SEQUENCE = 4
const COMPACT_POINTER = 5
const DELETED_FILE = 6
const NEW_FILE = 7
const PREVIOUS_LOG_NUMBER = 9

/** @throws DamagedFileError */
export function readManifest(file: string, bytes: Buffer): LiveFiles {
  const live = { firstLog: -1, previousLog: 0, lastSequence: 0, tables: new Map<number, number>() }
  for (const record of logRecords(file, bytes)) {
    try {
      applyEdit(record, live)
    } catch (error) {
      throw new DamagedFileError(file, 'has an edit that cannot be read', { cause: error })
    }
  }
  if (live.firstLog < 0) throw new DamagedFileError(file, 'names no log')
  return live
}

/** A table that only changes its level is deleted and added in one edit, so what is added comes last. */
function applyEdit(record: Buffer, live: { -readonly [K in keyof LiveFiles]: LiveFiles[K] }): void {
  const tables = new Map(live.tables)
  const added: [number, number][] = []
  const reader = new VarintReader(record)
  while (reader.at < record.length) {
    const tag = reader.next()
    switch (tag) {
      case COMPARATOR:
        reader.skipString()
        break
      case LOG_NUMBER:
        live.firstLog = reader.next()
        break
      case NEXT_FILE_NUMBER:
        reader.next()
        break
      case LAST_SEQUENCE:
        live.lastSequence = reader.next()
        break
      case COMPACT_POINTER:
        reader.next()
        reader.skipString()
        break
      case DELETED_FILE:
        reader.next()
        tables.delete(reader.next())
        break
      case NEW_FILE:
        reader.next()
        added.push([reader.next(), reader.next()])
        reader.skipString()
        reader.skipString()
        break
      case PREVIOUS_LOG_NUMBER:
        live.previousLog = reader.next()
        break
      default:
        throw new RangeError(`unknown tag ${tag}`)
    }
  }
  for (const [number, size] of added) tables.set(number, size)
  live.tables = tables
}
