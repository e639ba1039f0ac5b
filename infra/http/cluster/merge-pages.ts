import { decodeCursor, encodeCursor } from '../cursor.ts'
import type { Page } from '../page.ts'

export interface MergeOptions<T> {
  /** Name of the list that the cursors are for. */
  readonly list: string
  readonly limit: number
  /** Key of a row, as its page is ordered. */
  readonly keyOf: (row: T) => string
}

/**
 * Makes one page out of pages of disjoint parts of a list, all requested with the same cursor and limit. Where a part's page ends
 * at its cursor, nothing is known of its later rows: no row after the first such end is taken.
 */
export function mergePages<T>(pages: readonly Page<T>[], { list, limit, keyOf }: MergeOptions<T>): Page<T> {
  if (pages.length === 1 && pages[0] !== undefined) return pages[0]
  const ends = pages.flatMap(({ nextCursor }) => (nextCursor === null ? [] : [decodeCursor(list, nextCursor)]))
  const [horizon] = ends.sort(byBytes)
  const rows = pages
    .flatMap(({ rows }) => rows.map((row) => ({ row, key: keyOf(row) })))
    .filter(({ key }) => horizon === undefined || byBytes(key, horizon) <= 0)
    .sort((a, b) => byBytes(a.key, b.key))
  const taken = rows.slice(0, limit)
  const last = rows.length > limit ? taken.at(-1)?.key : horizon
  return { rows: taken.map(({ row }) => row), nextCursor: last === undefined ? null : encodeCursor(list, last) }
}

/** Compares as the stores order their keys: by UTF-8 bytes, which differs from the order of JavaScript strings. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'))
}
