import { DamagedFileError } from '../level-files/damaged-file.ts'
import { logRecords } from '../level-files/log-file.ts'
import { VarintReader } from '../level-files/varints.ts'

/** Where the logs of a RocksDB begin, as the last flush or the last start left it. */
export interface LogStart {
  /**
   * All batches that are in no table are in logs from this number on. A flush names the log that follows; a start names a number that
   * no log has: its log is the next one.
   */
  readonly firstLog: number
  /** The last change that the database knew then: all of those before `firstLog`, and after a flush some of that log. */
  readonly lastSequence: number
}

/** Tags of a version edit (db/version_edit.h). Numbers stand before all files. */
const COMPARATOR = 1
const LOG_NUMBER = 2
const NEXT_FILE_NUMBER = 3
const LAST_SEQUENCE = 4
const PREVIOUS_LOG_NUMBER = 9
const FIRST_LOG_TO_KEEP = 10
const MOST_COLUMN_FAMILIES = 203
const DATABASE_ID = 8193

/** @throws DamagedFileError */
export function readLogStart(file: string, bytes: Buffer): LogStart {
  let start: LogStart = { firstLog: 0, lastSequence: 0 }
  let edits = 0
  for (const record of logRecords(file, bytes)) {
    edits++
    try {
      start = { ...start, ...readEdit(record) }
    } catch (error) {
      throw new DamagedFileError(file, 'has an edit that cannot be read', { cause: error })
    }
  }
  if (edits === 0) throw new DamagedFileError(file, 'has no edit')
  return start
}

/** Null: the edit moves no logs. A compaction knows a last change too, which says nothing about the beginning of the logs. */
function readEdit(record: Buffer): LogStart | null {
  const reader = new VarintReader(record)
  let firstLog: number | null = null
  let lastSequence = 0
  while (reader.at < record.length) {
    switch (reader.next()) {
      case LOG_NUMBER:
        firstLog = reader.next()
        break
      case LAST_SEQUENCE:
        lastSequence = reader.next()
        break
      case NEXT_FILE_NUMBER:
      case PREVIOUS_LOG_NUMBER:
      case FIRST_LOG_TO_KEEP:
      case MOST_COLUMN_FAMILIES:
        reader.next()
        break
      case COMPARATOR:
      case DATABASE_ID:
        reader.skipString()
        break
      default:
        return firstLog === null ? null : { firstLog, lastSequence }
    }
  }
  return firstLog === null ? null : { firstLog, lastSequence }
}
