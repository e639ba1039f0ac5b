import type { PlainRow } from '../../../runtime/queries/plain-row.ts'

/** The part of a page that one instance has, in the order of the store. */
export interface RowsPart {
  readonly rows: readonly PlainRow[]
  /** The position of each row in that order. */
  readonly positions: readonly string[]
  readonly nextCursor: string | null
}

export interface RowsPage {
  readonly rows: readonly PlainRow[]
  readonly nextCursor: string | null
}

/** Makes one page out of the parts of disjoint partitions, all read with the same cursor and limit. */
export function mergeParts(
  parts: readonly RowsPart[],
  { limit, reverse }: { readonly limit: number; readonly reverse: boolean },
): RowsPage {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return { rows: only.rows, nextCursor: only.nextCursor }
  const before = reverse ? 1 : -1
  const all = parts
    .flatMap(({ rows, positions }) => rows.map((row, index) => ({ row, position: positions[index] ?? '' })))
    .sort((a, b) => (a.position < b.position ? before : a.position > b.position ? -before : 0))
  // A part with more rows has given `limit` of them, so no row that it kept back comes before these.
  const taken = all.slice(0, limit)
  const last = taken.at(-1)
  const isMore = all.length > limit || parts.some(({ nextCursor }) => nextCursor !== null)
  const cursor = isMore && last !== undefined ? Buffer.from(last.position, 'latin1').toString('base64url') : null
  return { rows: taken.map(({ row }) => row), nextCursor: cursor }
}
