import type { BackendWrite } from '../ports/backend.ts'

/** A batch of a database, as rows go into it. */
export interface RowBatch {
  /** Bytes that put() writes behind each row. */
  readonly bytesBehindRow: number
  /** The row is `[start, end)` of `slab`, which is the batch's own; the bytes behind it are free. */
  put(key: string, slab: Buffer, start: number, end: number): void
  delete(key: string): void
  /** There is a row of that key, as of the last batch. */
  existed(write: BackendWrite): boolean
}

/**
 * Puts rows into a batch. A row is encoded when it is copied, and one slab takes all of them.
 * @returns how many rows more there are then
 */
export function batchRows(writes: readonly BackendWrite[], batch: RowBatch): number {
  let size = 0
  for (const { row } of writes) if (row !== null) size += row.length + batch.bytesBehindRow
  const slab = Buffer.allocUnsafeSlow(size)
  let at = 0
  let added = 0
  for (const write of writes) {
    const { key, row } = write
    if (row === null) batch.delete(key)
    else {
      const start = at
      at += row.copy(slab, at)
      batch.put(key, slab, start, at)
      at += batch.bytesBehindRow
    }
    if ((row === null) === batch.existed(write)) added += row === null ? -1 : 1
  }
  return added
}
