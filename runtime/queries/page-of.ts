import { StreamsConfigError } from '../../state/ports/errors.ts'
import type { StoredRow } from '../../state/ports/questions.ts'
import type { StoreCodec } from '../../state/stores/store-codec.ts'
import type { PageOptions, RowsAnswer } from '../ports/instance.ts'
import { plainJson, plainRow } from './plain-row.ts'
import { encodeCursor, MOST_ROWS } from './store-questions.ts'

/** @param found at most one row more than wanted, which shows that there are more */
export function pageOf<R>(
  { spec }: Pick<StoreCodec, 'spec'>,
  found: readonly StoredRow[],
  { limit }: Pick<PageOptions, 'limit'>,
  row: (row: StoredRow) => R,
): Pick<RowsAnswer<R>, 'result' | 'nextCursor' | 'positions'> {
  if (limit === undefined && found.length > MOST_ROWS) {
    throw new StreamsConfigError(
      `store ${spec.name} has more than ${MOST_ROWS} such rows: set a limit and go on with nextCursor`,
    )
  }
  const rows = limit === undefined ? found : found.slice(0, limit)
  const last = found.length > rows.length ? rows.at(-1) : undefined
  return {
    result: rows.map(row),
    nextCursor: last === undefined ? null : encodeCursor(last.position),
    positions: rows.map(({ position }) => position),
  }
}

/** A page as JSON text: `{ rows, nextCursor }`, with rows as plainRow() makes them. */
export function pageText(codec: StoreCodec, found: readonly StoredRow[], page: Pick<PageOptions, 'limit'>): string {
  const { result, nextCursor } = pageOf(codec, found, page, (row) =>
    plainRow(codec.spec, codec.key(row), codec.stored(row)),
  )
  return plainJson({ rows: result, nextCursor })
}
