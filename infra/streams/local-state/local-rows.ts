import { decodeLong } from '../../../state/keys/binary-number.ts'
import { rowTimestamp } from '../../../state/layers/row-codec.ts'
import type { StoreBackend } from '../../../state/ports/backend.ts'
import type { StoreSpec } from '../../../state/ports/store-spec.ts'
import { readNote } from '../../../state/stores/store-note.ts'

/** Rows of a store and what its changelog makes of it. */
export interface RowsToCompare {
  readonly spec: StoreSpec
  readonly local: StoreBackend
  /** Rows of the changelog up to the position of the store. */
  readonly copy: StoreBackend
  /** Has a row for each key of which the changelog has a record behind that position. */
  readonly later: StoreBackend
  /** The beginning of the changelog is gone. */
  readonly isCut: boolean
}

export interface RowDifference {
  readonly key: string
  readonly kind: 'missing' | 'unexpected' | 'different'
  readonly expected: string | null
  readonly found: string | null
}

export interface RowCounts {
  readonly rows: number
  readonly differences: number
  readonly unjudged: number
}

type Row = readonly [key: string, row: Buffer]

/*
 * Both sides in key order, one row of each in memory.
 * 1. A row that only the store has is unjudged when a later record of its key may have let compaction remove it, or when it is old and
 *    the beginning of the changelog is gone; of a versioned store with records of the former form always, as compaction keeps
 *    one version of a key.
 * 2. A row that only the changelog has is unjudged when the store may have dropped it as too old: that is not logged.
 */
export async function compareRows(
  { spec, local, copy, later, isCut }: RowsToCompare,
  onDifference: (difference: RowDifference) => void,
): Promise<RowCounts> {
  const counts = { rows: 0, differences: 0, unjudged: 0 }
  const horizon = await horizonOf(spec, [local, copy])
  const isFormer = spec.kind === 'versioned' && !readNote(local.note()).isPresentForm
  const differ = (kind: RowDifference['kind'], [key]: Row, expected: Buffer | null, found: Buffer | null): void => {
    counts.differences++
    onDifference({
      key: Buffer.from(key, 'latin1').toString('utf8'),
      kind,
      expected: text(expected),
      found: text(found),
    })
  }
  const mine = local.scan({})[Symbol.asyncIterator]()
  const theirs = copy.scan({})[Symbol.asyncIterator]()
  let own = await nextOf(mine)
  let copied = await nextOf(theirs)
  while (own !== null || copied !== null) {
    const isOwn = own !== null && (copied === null || own[0] <= copied[0])
    const isCopied = copied !== null && (own === null || copied[0] <= own[0])
    const row = (isOwn ? own : copied) as Row
    counts.rows++
    if (isOwn && isCopied) {
      if (!own?.[1].equals(copied?.[1] as Buffer)) {
        if (later.get(row[0]) !== undefined) counts.unjudged++
        else differ('different', row, copied?.[1] ?? null, own?.[1] ?? null)
      }
    } else if (isOwn) {
      const isForgotten = isFormer || later.get(row[0]) !== undefined || (isCut && isOld(row))
      if (isForgotten) counts.unjudged++
      else differ('unexpected', row, null, row[1])
    } else if (isOld(row)) counts.unjudged++
    else differ('missing', row, row[1], null)
    if (isOwn) own = await nextOf(mine)
    if (isCopied) copied = await nextOf(theirs)
  }
  return counts

  function isOld([key, row]: Row): boolean {
    return timeOf(spec, key, row) <= horizon
  }
}

/** Up to here a store of this kind may drop rows without a record; -Infinity when it never does. */
async function horizonOf(spec: StoreSpec, sides: readonly StoreBackend[]): Promise<number> {
  const keptMs =
    spec.kind === 'key-value' ? null : spec.kind === 'versioned' ? spec.historyRetentionMs : spec.retentionMs
  if (keptMs === null) return Number.NEGATIVE_INFINITY
  let newest = -1
  for (const side of sides) {
    newest = Math.max(newest, readNote(side.note()).observed)
    for await (const [key, row] of side.scan({})) newest = Math.max(newest, timeOf(spec, key, row))
  }
  return newest - keptMs
}

/** Length of `start | sequence` at the end of a window store's key. */
const WINDOW_TAIL = 12

/** The time that decides whether the store keeps the row. */
function timeOf(spec: StoreSpec, key: string, row: Buffer): number {
  return spec.kind === 'window' ? decodeLong(key, key.length - WINDOW_TAIL) : rowTimestamp(row)
}

async function nextOf(rows: AsyncIterator<Row>): Promise<Row | null> {
  const { done, value } = await rows.next()
  return done === true ? null : value
}

function text(bytes: Buffer | null): string | null {
  return bytes?.toString('utf8') ?? null
}
