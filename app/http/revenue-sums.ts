import {
  type Asker,
  badRequest,
  type LocalRead,
  type RouteContext,
  type Routed,
  sentShare,
} from '../../infra/http/index.ts'
import { addTotal, EMPTY_HOUR, type HourTotal, hourAndFare } from '../../processors/hourly-revenue/hourly-revenue.ts'
import { centsFromJson, centsToJson, type JsonMoney, moneyToJson, subtractCents } from '../../processors/money.ts'
import type { Trip } from '../../processors/trip-state/trip.ts'
import { readZones } from '../simulator/recorded-data.ts'
import { NearestZone } from './nearest-zone.ts'
import { plain, type RideViews } from './ride-views.ts'

/** Most rows that an instance reads for one answer: within the time that instances give each other. */
const MOST_ROWS = 50_000
const CHUNK = 1000

/** Hours as in the keys of hourly-revenue, inclusive. */
export interface HourRange {
  readonly from: string | undefined
  readonly to: string | undefined
}

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

interface Question {
  readonly store: string
  readonly range: HourRange
  /** Name and part of a row; null: it does not count. */
  readonly partOf: (key: string, stored: unknown) => readonly [name: string | null, part: HourTotal] | null
}

/** Revenue added up by day and by zone, over all instances. The sums are those of the rows that are committed at the moment. */
export class RevenueSums {
  readonly #context: RouteContext
  readonly #views: RideViews
  #zones: NearestZone | null = null

  constructor(context: RouteContext, views: RideViews) {
    this.#context = context
    this.#views = views
  }

  /** By UTC day, in order. */
  async byDay(asker: Asker, range: HourRange): Promise<Routed<Parts | readonly RevenueSum[]>> {
    const partOf: Question['partOf'] = (hour, stored) => [hour.slice(0, hour.indexOf('T')), plain<HourTotal>(stored)]
    const answer = await this.#ask(asker, { store: this.#views.revenue.store, range, partOf })
    return shown(asker, answer, (a, b) => compare(a.name ?? '', b.name ?? ''))
  }

  /** By zone of the pickup, the largest revenue first. */
  async byZone(asker: Asker, { from, to }: HourRange): Promise<Routed<Parts | readonly RevenueSum[]>> {
    this.#zones ??= new NearestZone(readZones().values())
    const zones = this.#zones
    const partOf: Question['partOf'] = (_tripId, stored) => {
      const trip = plain<Trip>(stored)
      const counted = hourAndFare(trip)
      if (counted === null) return null
      const [hour, part] = counted
      if ((from !== undefined && hour < from) || (to !== undefined && hour > to)) return null
      return [trip.requested === null ? null : zones.of(trip.requested.pickup), part]
    }
    const range = { from: undefined, to: undefined }
    const answer = await this.#ask(asker, { store: this.#views.trips.store, range, partOf })
    return shown(asker, answer, (a, b) => -compareMoney(a.cents, b.cents) || compare(a.name ?? '', b.name ?? ''))
  }

  async #ask(asker: Asker, question: Question): Promise<Routed<Sums>> {
    const read: LocalRead<Sums> = (share) => this.#read(question, share)
    const parse = (body: string): Sums => {
      const { parts } = JSON.parse(body) as Parts
      return new Map(parts.map(([name, cents, trips]) => [name, { cents: centsFromJson(cents), trips }]))
    }
    const { result, ...rest } = await this.#context.router.all(asker, question.store, read, parse)
    const sums: Sums = new Map()
    for (const part of result) for (const [name, total] of part) add(sums, name, total)
    return { ...rest, result: sums }
  }

  async #read(
    { store, range: { from, to }, partOf }: Question,
    { partitions, allowStale }: Parameters<LocalRead<Sums>>[0],
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
      if (rows > MOST_ROWS)
        throw badRequest(`an instance has more than ${MOST_ROWS} rows to add up: use SQL (export postgres)`)
    }
  }
}

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

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const compareMoney = (a: HourTotal['cents'], b: HourTotal['cents']): number => {
  const difference = subtractCents(a, b)
  return difference < 0 ? -1 : difference > 0 ? 1 : 0
}
