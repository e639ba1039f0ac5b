import { DamagedFileError } from './damaged-file.ts'
import { bytesOf, numberOf } from './database-files.ts'
import { logRecords } from './log-file.ts'

/*
 * Batches in logs (db/write_batch.cc of LevelDB and of RocksDB):
 *   sequence number of the first change u64 LE | number of changes u32 LE | changes
 * Each change has the next number. So a batch that is missing before another one leaves a gap.
 */
const BATCH_HEADER = 12

/**
 * Checks that no batch is missing in `logs`, oldest first, before the last one that is there.
 * @param begins whether the first batch of all may have this number
 * @throws DamagedFileError
 */
export async function checkBatches(
  path: string,
  logs: readonly string[],
  begins: (sequence: number, log: number) => boolean,
): Promise<void> {
  let next: number | null = null
  let empty: string | null = null
  for (const name of logs) {
    let isEmpty = true
    for (const record of logRecords(name, await bytesOf(path, name))) {
      if (empty !== null) throw new DamagedFileError(empty, 'is empty, but not the last log')
      if (record.length < BATCH_HEADER) throw new DamagedFileError(name, 'has a record that is no batch')
      const sequence = Number(record.readBigUInt64LE(0))
      const isNext = next === null ? begins(sequence, numberOf(name)) : sequence === next
      if (!isNext) throw new DamagedFileError(name, `misses batches before change ${sequence}`)
      next = sequence + record.readUInt32LE(8)
      isEmpty = false
    }
    if (isEmpty) empty = name
  }
}
