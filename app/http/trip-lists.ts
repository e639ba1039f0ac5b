import {
  type Asker,
  decodeCursor,
  encodeCursor,
  type LocalRead,
  type QueryRouter,
  type RouteContext,
  type Routed,
  sentShare,
} from '../../infra/http/index.ts'
import { TRIP_STATE_STORE } from '../../processors/topics.ts'
import {
  partOfText,
  type TripList,
  type TripListPart,
  type TripListQuestion,
} from '../../processors/trip-state/trip-lists.ts'
import type { StreamsInstance } from '../../runtime/index.ts'
import { fromBinary, toBinary } from '../../state/index.ts'

export interface TripListRequest extends Omit<TripListQuestion, 'after'> {
  readonly list: TripList
  readonly cursor: string | undefined
}

/** Lists of the store trip-state by status, driver, passenger and time, over all instances. Answers are JSON texts. */
export class TripLists {
  readonly #instance: StreamsInstance
  readonly #router: QueryRouter

  constructor({ instance, router }: RouteContext) {
    this.#instance = instance
    this.#router = router
  }

  /** A page; to another instance, the answers of the partitions it asks for. */
  async page(asker: Asker, { list, cursor, ...asked }: TripListRequest): Promise<Routed<string>> {
    const name = `${list}/${asked.of}${asked.reverse ? '/reverse' : ''}`
    const after = cursor === undefined ? null : toBinary(decodeCursor(name, cursor))
    const read: LocalRead<readonly string[]> = async ({ partitions, allowStale }) => {
      const query = { question: list, params: { ...asked, after }, partitions, allowStale }
      const { result, lag } = await this.#instance.ask(TRIP_STATE_STORE, query)
      return { result: result as readonly string[], lag }
    }
    const parse = (body: string) => JSON.parse(body) as readonly string[]
    const { result, ...rest } = await this.#router.all(asker, TRIP_STATE_STORE, read, parse)
    const parts = result.flat()
    if (sentShare(asker) !== null) return { ...rest, result: JSON.stringify(parts) }
    return { ...rest, result: merged(parts.map(partOfText), name, asked) }
  }
}

/**
 * One page out of those of disjoint partitions. Where a part ends at a position, nothing is known of its later trips: none after the
 * first such end is taken.
 */
function merged(
  parts: readonly TripListPart[],
  name: string,
  { limit, reverse }: Pick<TripListRequest, 'limit' | 'reverse'>,
) {
  const isBefore = (a: string, b: string): boolean => (reverse ? a > b : a < b)
  const ends = parts.flatMap(({ end }) => end ?? [])
  const horizon = ends.reduce<string | null>(
    (first, end) => (first === null || isBefore(end, first) ? end : first),
    null,
  )
  const rows = parts
    .flatMap((part) => part.rows)
    .filter(({ position }) => horizon === null || !isBefore(horizon, position))
    .sort((a, b) => (isBefore(a.position, b.position) ? -1 : 1))
  const taken = rows.slice(0, limit)
  const last = rows.length > limit ? (taken.at(-1)?.position ?? null) : horizon
  // Positions are binary strings; the text of a cursor is half as long.
  const next = last === null ? null : encodeCursor(name, fromBinary(last).toString('utf8'))
  return `{"rows":[${taken.map(({ json }) => json).join(',')}],"nextCursor":${JSON.stringify(next)}}`
}
