import {
  type Asker,
  decodeCursor,
  encodeCursor,
  type LocalRead,
  mergePages,
  type Page,
  type QueryRouter,
  type RouteContext,
  type Routed,
  STREAM_TIME_HEADER,
  sentShare,
} from '../../infra/http/index.ts'
import { type DriverView, driverView } from '../../processors/driver-cells/driver-cells.ts'
import { IN_CELL, NEARBY } from '../../processors/driver-cells/nearby/driver-index.ts'
import { type DriverInCell, firstInCell, positionOf } from '../../processors/driver-cells/nearby/drivers-in-cell.ts'
import { gatherNearby } from '../../processors/driver-cells/nearby/gather-nearby.ts'
import type { NearbyAnswer, NearbyQuestion } from '../../processors/driver-cells/nearby/nearest-drivers.ts'
import { DRIVER_CELLS_STORE } from '../../processors/topics.ts'
import type { StreamsInstance } from '../../runtime/index.ts'
import { fromBinary, toBinary } from '../../state/index.ts'

/** A row of GET /drivers/nearby. */
export interface NearbyView extends DriverView {
  /** Metres. */
  readonly distance: number
}

/** Instances answer each other with this instead of a page. */
interface PartitionAnswers {
  readonly partitions: readonly NearbyAnswer[]
}

/** The drivers of the store driver-cells by place, over all instances. */
export class DriversByPlace {
  readonly #instance: StreamsInstance
  readonly #router: QueryRouter

  constructor({ instance, router }: RouteContext) {
    this.#instance = instance
    this.#router = router
  }

  /** Available drivers within the radius, nearest first; to another instance, the answers of the partitions it asks for. */
  async nearby(
    asker: Asker,
    question: Omit<NearbyQuestion, 'streamTime'>,
  ): Promise<Routed<Page<NearbyView> | PartitionAnswers>> {
    const streamTime = streamTimeOf(asker)
    if (sentShare(asker) !== null) {
      const { result, ...rest } = await this.#partitions(asker, { ...question, streamTime })
      return { ...rest, result: { partitions: result } }
    }
    const { answer, rows } = await gatherNearby({ ...question, streamTime }, (asked) =>
      this.#partitions({ id: asker.id, url: asker.url, headers: withStreamTime(asker, asked.streamTime) }, asked),
    )
    const views = rows.map(({ driverId, driver, distance }) => ({ ...driverView(driverId, driver), distance }))
    return { ...answer, result: { rows: views, nextCursor: null } }
  }

  async #partitions(asker: Asker, question: NearbyQuestion): Promise<Routed<readonly NearbyAnswer[]>> {
    const read: LocalRead<readonly NearbyAnswer[]> = async ({ partitions, allowStale }) => {
      const query = { question: NEARBY, params: question, partitions, allowStale }
      const { result, lag } = await this.#instance.ask(DRIVER_CELLS_STORE, query)
      return { result: result as readonly NearbyAnswer[], lag }
    }
    const parse = (body: string) => (JSON.parse(body) as PartitionAnswers).partitions
    const { result, ...rest } = await this.#router.all(asker, DRIVER_CELLS_STORE, read, parse)
    return { ...rest, result: result.flat() }
  }

  /** One page of the drivers in a cell of any resolution, by their cell and driverId. */
  async inCell(
    asker: Asker,
    { cell, limit, cursor }: { readonly cell: string; readonly limit: number; readonly cursor?: string | undefined },
  ): Promise<Routed<Page<DriverView>>> {
    const list = `cells/${cell}`
    const after = cursor === undefined ? null : toBinary(decodeCursor(list, cursor))
    const read: LocalRead<Page<DriverView>> = async ({ partitions, allowStale }) => {
      const query = { question: IN_CELL, params: { cell, after, limit: limit + 1 }, partitions, allowStale }
      const { result, lag } = await this.#instance.ask(DRIVER_CELLS_STORE, query)
      const found = firstInCell((result as readonly (readonly DriverInCell[])[]).flat(), limit + 1)
      const rows = found.slice(0, limit)
      const last = rows.at(-1)
      const nextCursor = found.length > limit && last !== undefined ? encodeCursor(list, text(last.position)) : null
      return { result: { rows: rows.map(({ driverId, driver }) => driverView(driverId, driver)), nextCursor }, lag }
    }
    const parse = (body: string) => JSON.parse(body) as Page<DriverView>
    const { result, ...rest } = await this.#router.all(asker, DRIVER_CELLS_STORE, read, parse)
    return { ...rest, result: mergePages(result, { list, limit, keyOf: (row) => text(positionOf(row)) }) }
  }
}

// Positions are binary strings; the text of a cursor is half as long and keeps the order of bytes.
const text = (position: string): string => fromBinary(position).toString('utf8')

/** -1 = use what the partitions know. */
function streamTimeOf({ headers }: Asker): number {
  const text = headers[STREAM_TIME_HEADER]
  return typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : -1
}

function withStreamTime({ headers }: Asker, streamTime: number): Asker['headers'] {
  return streamTime < 0 ? headers : { ...headers, [STREAM_TIME_HEADER]: String(streamTime) }
}
