import type { CommittedIndex } from '../../../topology/index.ts'
import type { DriverCell } from '../driver-cell.ts'
import { AVAILABLE, cellTerm, firstTermIn, OTHERS } from './cell-terms.ts'

/** Plain data: it crosses threads and instances. */
export interface CellQuestion {
  /** H3 index of any resolution. */
  readonly cell: string
  /** `position` of the last driver already known. */
  readonly after: string | null
  readonly limit: number
}

export interface DriverInCell {
  /** By cell, then driverId: the order of the answer. */
  readonly position: string
  readonly driverId: string
  readonly driver: DriverCell
}

/** The drivers of one partition in a cell, by position. */
export function driversInCell(
  index: CommittedIndex<string, DriverCell>,
  { cell, after, limit }: CellQuestion,
): readonly DriverInCell[] {
  const found: DriverInCell[] = []
  for (const group of [AVAILABLE, OTHERS]) {
    let left = limit
    const page = after === null ? {} : { after: group + after }
    for (const entry of index.entries(group + firstTermIn(cell), group + cellTerm(cell), page)) {
      const row = index.row(entry)
      if (row === null) continue
      found.push({ position: entry.position.slice(group.length), driverId: row.key, driver: row.value })
      if (--left === 0) break
    }
  }
  return firstInCell(found, limit)
}

/** The driver's position in the order, from its shown fields. */
export function positionOf({ driverId, cell }: { readonly driverId: string; readonly cell: string }): string {
  return `${cellTerm(cell)}\0${Buffer.from(driverId, 'utf8').toString('latin1')}`
}

/** Takes the first of the drivers that several partitions found. */
export function firstInCell(found: readonly DriverInCell[], limit: number): readonly DriverInCell[] {
  return found.toSorted((a, b) => (a.position < b.position ? -1 : 1)).slice(0, limit)
}
