import {
  type Asker,
  badRequest,
  type HttpError,
  type LocalRead,
  type RouteContext,
  type Routed,
  sentShare,
} from '../../infra/http/index.ts'
import type { Point } from '../../processors/geo/great-circle.ts'
import { addTotal, EMPTY_HOUR, fareOf, type HourTotal } from '../../processors/hourly-revenue/hourly-revenue.ts'
import { centsFromJson, centsToJson, type JsonMoney, moneyToJson, subtractCents } from '../../processors/money.ts'
import type { Trip } from '../../processors/trip-state/trip.ts'
import { FARES_BY_COMPLETION, type FaresAnswer, type FaresQuestion } from '../../processors/trip-state/trip-fares.ts'
import { compareText } from '../../state/index.ts'
import { readZones } from '../simulator/recorded-data.ts'
import { NearestZone } from './nearest-zone.ts'
import { plain, type RideViews } from './ride-views.ts'
import { Turns } from './turns.ts'

/** Most rows that an instance reads for one answer: within the time that instances give each other. */
const MOST_ROWS = 50_000
const CHUNK = 1000
/** Sums by zone that wait for the one that is read. */
const MOST_WAITING = 3

/** Hours as in the keys of hourly-revenue, inclusive. */
export interface HourRange {
  readonly from: string | undefined
  readonly to: string | undefined
}

/** Times of completion, inclusive: whole hours, epoch ms. */
export type HourSpan = Pick<FaresQuestion, 'from' | 'to'>

const EVERYTHING: HourRange = { from: undefined, to: undefined }

interface RevenueSum {
  readonly name: string | null
  readonly revenue: JsonMoney
  readonly trips: number
}

/** Instances answer each other with this. A name is null for trips in no zone. */
interface Parts {
  readonly parts: ReadonlyArray<readonly [name: string | null, cents: number | string, trips: number]>
}

type Sums = Map<string | null, HourTotal>
type Share = Parameters<LocalRead<Sums>>[0]

/** Revenue added up by day and by zone, over all instances. The sums are those of the rows that are committed at the moment. */
export class RevenueSums {
  readonly #context: RouteContext
  readonly #views: RideViews
  readonly #zoneReads = new Turns(MOST_WAITING)
  #zones: NearestZone | null = null

  constructor(context: RouteContext, views: RideViews) {
    this.#context = context
    this.#views = views
  }

  /** By UTC day, in order. */
  async byDay(asker: Asker, range: HourRange): Promise<Routed<Parts | readonly RevenueSum[]>> {
    const { store } = this.#views.revenue
    const answer = await this.#ask(asker, store, (share) =>
      this.#rows(store, range, share, (hour, stored) => [hour.slice(0, hour.indexOf('T')), plain<HourTotal>(stored)]),
    )
    return shown(asker, answer, (a, b) => compareText(a.name ?? '', b.name ?? ''))
  }

  /**
   * By zone of the pickup, the largest revenue first; `span`: trips completed in it, null for all. One is read at a time, and few wait.
   * @throws HttpError 400 for more than MOST_ROWS trips in an instance, 503 when too many wait
   */
  async byZone(asker: Asker, span: HourSpan | null): Promise<Routed<Parts | readonly RevenueSum[]>> {
    const { store } = this.#views.trips
    const answer = await this.#ask(asker, store, (share) =>
      this.#zoneReads.take(() => (span === null ? this.#allTrips(store, share) : this.#tripsIn(store, span, share))),
    )
    return shown(asker, answer, (a, b) => -compareMoney(a.cents, b.cents) || compareText(a.name ?? '', b.name ?? ''))
  }

  async #ask(asker: Asker, store: string, read: LocalRead<Sums>): Promise<Routed<Sums>> {
    const parse = (body: string): Sums => {
      const { parts } = JSON.parse(body) as Parts
      return new Map(parts.map(([name, cents, trips]) => [name, { cents: centsFromJson(cents), trips }]))
    }
    const { result, ...rest } = await this.#context.router.all(asker, store, read, parse)
    const sums: Sums = new Map()
    for (const part of result) for (const [name, total] of part) add(sums, name, total)
    return { ...rest, result: sums }
  }

  #allTrips(store: string, share: Share): ReturnType<LocalRead<Sums>> {
    return this.#rows(store, EVERYTHING, share, (_tripId, stored) => {
      const trip = plain<Trip>(stored)
      return trip.completed === null ? null : [this.#zoneOf(trip.requested?.pickup), fareOf(trip.completed.finalFare)]
    })
  }

  /** `partOf`: name and part of a row; null: it does not count. */
  async #rows(
    store: string,
    { from, to }: HourRange,
    { partitions, allowStale }: Share,
    partOf: (key: string, stored: unknown) => readonly [name: string | null, part: HourTotal] | null,
  ): ReturnType<LocalRead<Sums>> {
    const sums: Sums = new Map()
    let lag = 0
    let after: string | undefined
    for (let rows = 0; ; ) {
      const answer = await this.#context.instance.scan(store, { from, to, after, limit: CHUNK, partitions, allowStale })
      lag = Math.max(lag, answer.lag)
      for (const [key, stored] of answer.result) {
        after = String(key)
        const part = partOf(after, stored)
        if (part !== null) add(sums, ...part)
      }
      rows += answer.result.length
      if (answer.result.length < CHUNK) return { result: sums, lag }
      if (rows > MOST_ROWS) throw tooManyRows()
    }
  }

  /** By an index, so that it costs what the span holds, however many trips there are. */
  async #tripsIn(store: string, span: HourSpan, { partitions, allowStale }: Share): ReturnType<LocalRead<Sums>> {
    const sums: Sums = new Map()
    let lag = 0
    let rows = 0
    // No hour begins in a range of some minutes.
    for (const partition of span.from > span.to ? [] : partitions) {
      let behind = 0
      let after: string | null = null
      do {
        const params: FaresQuestion = { ...span, after }
        const query = { question: FARES_BY_COMPLETION, params, partitions: [partition], allowStale }
        const answer = await this.#context.instance.ask(store, query)
        const [{ fares, end }] = answer.result as readonly [FaresAnswer]
        for (const { cents, pickup } of fares) add(sums, this.#zoneOf(pickup), fareOf(cents))
        rows += fares.length
        if (rows > MOST_ROWS) throw tooManyRows()
        behind = Math.max(behind, answer.lag)
        after = end
      } while (after !== null)
      lag += behind
    }
    return { result: sums, lag }
  }

  #zoneOf(pickup: Point | null | undefined): string | null {
    this.#zones ??= new NearestZone(readZones().values())
    return pickup == null ? null : this.#zones.of(pickup)
  }
}

const tooManyRows = (): HttpError =>
  badRequest(
    `an instance has more than ${MOST_ROWS} rows to add up: ask for a shorter range, or use SQL (export postgres)`,
  )

interface Named extends HourTotal {
  readonly name: string | null
}

function shown(
  asker: Asker,
  { result, ...rest }: Routed<Sums>,
  order: (a: Named, b: Named) => number,
): Routed<Parts | readonly RevenueSum[]> {
  const rows = [...result].map(([name, total]): Named => ({ name, ...total })).sort(order)
  if (sentShare(asker) !== null) {
    return { ...rest, result: { parts: rows.map(({ name, cents, trips }) => [name, centsToJson(cents), trips]) } }
  }
  return { ...rest, result: rows.map(({ name, cents, trips }) => ({ name, revenue: moneyToJson(cents), trips })) }
}

function add(sums: Sums, name: string | null, part: HourTotal): void {
  sums.set(name, addTotal(sums.get(name) ?? EMPTY_HOUR, part))
}

const compareMoney = (a: HourTotal['cents'], b: HourTotal['cents']): number => {
  const difference = subtractCents(a, b)
  return difference < 0 ? -1 : difference > 0 ? 1 : 0
}
