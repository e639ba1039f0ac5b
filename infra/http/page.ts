import type { QueryAnswer, StreamsInstance } from '../../runtime/ports/instance.ts'
import type { Share } from './cluster/query-router.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'

/** Most rows read from the store for one answer, however few of them match. */
const MAX_SCANNED = 50_000
const CHUNK = 1000

export interface PageRequest<T> {
  readonly store: string
  readonly limit: number
  readonly cursor?: string | undefined
  /** Inclusive. */
  readonly from?: string | undefined
  /** Inclusive. */
  readonly to?: string | undefined
  /** Part of the store to read. */
  readonly share?: Pick<Share, 'partitions' | 'allowStale'>
  /** The shown form of a row, or null when the filter drops it. */
  readonly view: (key: string, stored: unknown) => T | null
}

export interface Page<T> {
  readonly rows: readonly T[]
  readonly nextCursor: string | null
}

/**
 * One page of a store in key order. A filter that finds little ends the page early: it may hold fewer
 * rows than `limit` and still have a nextCursor.
 */
export async function readPage<T>(instance: StreamsInstance, request: PageRequest<T>): Promise<QueryAnswer<Page<T>>> {
  const { store, limit, from, to, view, share } = request
  const rows: T[] = []
  let after = request.cursor === undefined ? undefined : decodeCursor(store, request.cursor)
  let lastTaken = after
  let lag = 0
  for (let scanned = 0; scanned < MAX_SCANNED; ) {
    const chunk = Math.min(CHUNK, limit + 1)
    const answer = await instance.scan(store, { from, after, to, limit: chunk, ...share })
    lag = Math.max(lag, answer.lag)
    for (const [key, stored] of answer.result) {
      const row = view(String(key), stored)
      after = String(key)
      if (row === null) continue
      if (rows.length === limit) return { result: { rows, nextCursor: encodeCursor(store, lastTaken ?? '') }, lag }
      rows.push(row)
      lastTaken = after
    }
    scanned += answer.result.length
    if (answer.result.length < chunk) return { result: { rows, nextCursor: null }, lag }
  }
  return { result: { rows, nextCursor: after === undefined ? null : encodeCursor(store, after) }, lag }
}
