import type { Static } from 'typebox'
import type { lagSchema, taskSchema, topologySchema } from '../../infra/http/schemas/index.ts'
import type { MinOffset } from '../../runtime/index.ts'
import type {
  AuditQuery,
  auditEventSchema,
  CellQuery,
  DemandQuery,
  dailyRevenueSchema,
  demandSchema,
  driverOfferSchema,
  driverSchema,
  EarningsQuery,
  earningsSchema,
  funnelSchema,
  HoursQuery,
  NearbyQuery,
  nearbySchema,
  RevenueSumsQuery,
  revenueSchema,
  TripQuery,
  TripsQuery,
  tripHistorySchema,
  tripSchema,
  zoneRevenueSchema,
} from '../http/schemas.ts'
import { UnexpectedAnswerError } from './errors.ts'
import { InstanceHttp } from './instance-http.ts'
import { liveStates } from './live-states.ts'

/* Types of the server's own schemas (app/http/schemas.ts). */
export type Trip = Static<typeof tripSchema>
export type TripHistory = Static<typeof tripHistorySchema>
export type Driver = Static<typeof driverSchema>
export type NearbyDriver = Static<typeof nearbySchema>
export type HourlyRevenue = Static<typeof revenueSchema>
export type DailyRevenue = Static<typeof dailyRevenueSchema>
export type ZoneRevenue = Static<typeof zoneRevenueSchema>
export type DriverOffer = Static<typeof driverOfferSchema>
export type DriverEarnings = Static<typeof earningsSchema>
export type TripFunnel = Static<typeof funnelSchema>
export type CellDemand = Static<typeof demandSchema>
export type AuditEvent = Static<typeof auditEventSchema>
export type TopologyGraph = Static<typeof topologySchema>
export type Task = Static<typeof taskSchema>
export type Lag = Static<typeof lagSchema>

export interface Page<T> {
  readonly rows: readonly T[]
  /** Cursor of the next page; null: there is none. */
  readonly nextCursor: string | null
}

export interface Answer<T> {
  readonly value: T
  /** Records the store was behind its input; null when the route does not say. */
  readonly lag: number | null
  /** standby: a copy answered, `lag` records behind, because the task is moving. */
  readonly role: 'active' | 'standby' | null
}

export interface AskOptions {
  /** The answer shows these records of the input topics (read your writes): it waits for them, HTTP_MIN_OFFSET_WAIT_MS at a time. */
  readonly minOffset?: MinOffset | readonly MinOffset[] | undefined
  readonly signal?: AbortSignal | undefined
}

export interface RideStreamsClientOptions {
  /** URL of any instance, or of a balancer in front of them: each answers for all. */
  readonly url: string
  /** HTTP_TOKEN of the instances. */
  readonly token?: string | null
  /** How long a question that is answered by 503 is asked again, as Retry-After says, ms. Default 10,000. */
  readonly patienceMs?: number
  /** For one answer, ms. Default 10,000; longer than HTTP_MIN_OFFSET_WAIT_MS. */
  readonly timeoutMs?: number
  /** Default JSON.parse, to which amounts beyond 2^53 cents are not exact. */
  readonly parse?: (json: string) => unknown
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** Ids that a path cannot hold: a URL drops dots, and one is the name of a route. */
const UNSAYABLE: ReadonlySet<string> = new Set(['.', '..', 'nearby'])

/**
 * Asks a ride-streams application over HTTP: committed state, whichever instance has it. Needs nothing closed at the end.
 * Every question throws NotFoundError, BadQuestionError, UnauthorizedError, UnavailableError, UnexpectedAnswerError, or the reason of the signal.
 */
export class RideStreamsClient {
  readonly #http: InstanceHttp
  readonly #url: string
  readonly #patienceMs: number
  readonly #parse: (json: string) => unknown

  constructor({ url, token, patienceMs, timeoutMs, parse }: RideStreamsClientOptions) {
    this.#url = url.replace(/\/+$/, '')
    this.#patienceMs = patienceMs ?? 10_000
    this.#parse = parse ?? JSON.parse
    this.#http = new InstanceHttp({
      url: this.#url,
      token: token ?? null,
      patienceMs: this.#patienceMs,
      timeoutMs: timeoutMs ?? 10_000,
    })
  }

  /** The trip now, or as it was (asOf, ISO 8601 with Z or an offset). @throws also HistoryGoneError */
  trip(tripId: string, options: TripQuery & AskOptions = {}): Promise<Answer<Trip>> {
    const isQuery = UNSAYABLE.has(tripId) && options.asOf === undefined
    const path = isQuery
      ? withQuery('/trip', { tripId })
      : withQuery(`/trips/${encodeURIComponent(tripId)}`, { asOf: options.asOf })
    return this.#ask(path, options)
  }

  /** The trip's events, each with the trip after it. @throws also HistoryGoneError */
  tripHistory(tripId: string, options: AskOptions = {}): Promise<Answer<TripHistory>> {
    return this.#ask(`/trips/${encodeURIComponent(tripId)}/history`, options)
  }

  /**
   * Trips: by tripId, or with a status, driver, passenger or time (ISO 8601 with Z or an offset) by the time of their request. A page may
   * be short and still have a nextCursor.
   */
  trips({ signal, minOffset, ...query }: Partial<TripsQuery> & AskOptions = {}): Promise<Answer<Page<Trip>>> {
    return this.#list(withQuery('/trips', query), { signal, minOffset })
  }

  driver(driverId: string, options: AskOptions = {}): Promise<Answer<Driver>> {
    return this.#ask(
      UNSAYABLE.has(driverId) ? withQuery('/driver', { driverId }) : `/drivers/${encodeURIComponent(driverId)}`,
      options,
    )
  }

  /** Available drivers around a point, nearest first. Radius in metres. */
  nearby({
    signal,
    minOffset,
    ...query
  }: Pick<NearbyQuery, 'lat' | 'lng'> & Partial<NearbyQuery> & AskOptions): Promise<Answer<Page<NearbyDriver>>> {
    return this.#list(withQuery('/drivers/nearby', query), { signal, minOffset })
  }

  /** Drivers who are in an H3 cell now. */
  cell(
    h3: string,
    { signal, minOffset, ...query }: Partial<CellQuery> & AskOptions = {},
  ): Promise<Answer<Page<Driver>>> {
    return this.#list(withQuery(`/cells/${encodeURIComponent(h3)}`, query), { signal, minOffset })
  }

  /** Revenue by hour, from and to inclusive (ISO 8601 with Z or an offset). */
  hourlyRevenue({
    signal,
    minOffset,
    ...query
  }: Partial<HoursQuery> & AskOptions = {}): Promise<Answer<Page<HourlyRevenue>>> {
    return this.#list(withQuery('/revenue/hourly', query), { signal, minOffset })
  }

  /** Revenue by UTC day, in one page. */
  dailyRevenue({
    signal,
    minOffset,
    ...query
  }: RevenueSumsQuery & AskOptions = {}): Promise<Answer<Page<DailyRevenue>>> {
    return this.#list(withQuery('/revenue/daily', query), { signal, minOffset })
  }

  /** Revenue by zone of the pickup, the largest first, in one page. */
  zoneRevenue({ signal, minOffset, ...query }: RevenueSumsQuery & AskOptions = {}): Promise<Answer<Page<ZoneRevenue>>> {
    return this.#list(withQuery('/revenue/zones', query), { signal, minOffset })
  }

  /** Open offers of a driver, the latest first. */
  offers(
    driverId: string,
    { signal, ...query }: Pick<Partial<CellQuery>, 'limit'> & Pick<AskOptions, 'signal'> = {},
  ): Promise<Answer<Page<DriverOffer>>> {
    return this.#list(withQuery(`/drivers/${encodeURIComponent(driverId)}/offers`, query), { signal })
  }

  /** Earnings of a driver by UTC day, from and to inclusive (2019-03-01). */
  earnings(
    driverId: string,
    { signal, minOffset, ...query }: Partial<EarningsQuery> & AskOptions = {},
  ): Promise<Answer<Page<DriverEarnings>>> {
    return this.#list(withQuery(`/drivers/${encodeURIComponent(driverId)}/earnings`, query), { signal, minOffset })
  }

  /** Stages that trips reached, by the hour of their request. */
  tripFunnel({
    signal,
    minOffset,
    ...query
  }: Partial<HoursQuery> & AskOptions = {}): Promise<Answer<Page<TripFunnel>>> {
    return this.#list(withQuery('/analytics/funnel', query), { signal, minOffset })
  }

  /** Requests and completions in the windows that are not closed. */
  openDemand({
    signal,
    minOffset,
    ...query
  }: Partial<DemandQuery> & AskOptions = {}): Promise<Answer<Page<CellDemand>>> {
    return this.#list(withQuery('/analytics/demand', query), { signal, minOffset })
  }

  /** Final requests and completions of the windows that are closed. */
  closedDemand({
    signal,
    ...query
  }: Partial<DemandQuery> & Pick<AskOptions, 'signal'> = {}): Promise<Answer<Page<CellDemand>>> {
    return this.#list(withQuery('/analytics/demand/closed', query), { signal })
  }

  /**
   * Events of a trip, or of all trips of a driver or passenger, by time: who did what and when. NotFoundError: the server has no audit
   * trail.
   */
  audit({ signal, ...query }: Partial<AuditQuery> & Pick<AskOptions, 'signal'>): Promise<Answer<Page<AuditEvent>>> {
    return this.#list(withQuery('/audit', query), { signal })
  }

  /** The graph that runs. */
  topology(options: Pick<AskOptions, 'signal'> = {}): Promise<Answer<TopologyGraph>> {
    return this.#ask('/topology', options)
  }

  /** The tasks of the instance that is asked. */
  tasks(options: AskOptions = {}): Promise<Answer<Page<Task>>> {
    return this.#list('/tasks', options)
  }

  /** How far the tasks of the instance that is asked are behind their input. */
  lag(options: AskOptions = {}): Promise<Answer<Lag>> {
    return this.#ask('/lag', options)
  }

  /**
   * The trip now and whenever it has changed, for as long as the caller takes them; states that follow quickly may be skipped. It connects
   * again by itself, and gives up with UnavailableError after patienceMs without a server.
   */
  async *tripStates(tripId: string, { signal }: Pick<AskOptions, 'signal'> = {}): AsyncGenerator<Trip> {
    const path = `/trips/${encodeURIComponent(tripId)}/events`
    for await (const json of liveStates(this.#http, path, { event: 'trip', signal, patienceMs: this.#patienceMs })) {
      yield this.#parsed(json)
    }
  }

  /** The drivers in an H3 cell now and whenever they have changed, as tripStates(). */
  async *cellStates(
    h3: string,
    { signal, limit }: Pick<AskOptions, 'signal'> & Pick<Partial<CellQuery>, 'limit'> = {},
  ): AsyncGenerator<Page<Driver>> {
    const path = withQuery(`/cells/${encodeURIComponent(h3)}/events`, { limit })
    for await (const json of liveStates(this.#http, path, { event: 'drivers', signal, patienceMs: this.#patienceMs })) {
      yield this.#parsed(json)
    }
  }

  /** The open offers of a driver now and whenever they have changed, as tripStates(). */
  async *offerStates(driverId: string, { signal }: Pick<AskOptions, 'signal'> = {}): AsyncGenerator<Page<DriverOffer>> {
    const path = `/drivers/${encodeURIComponent(driverId)}/offers/events`
    for await (const json of liveStates(this.#http, path, { event: 'offers', signal, patienceMs: this.#patienceMs })) {
      yield this.#parsed(json)
    }
  }

  async #list<T>(path: string, options: AskOptions): Promise<Answer<Page<T>>> {
    const answer = await this.#ask<Page<T>>(path, options)
    if (Array.isArray(answer.value?.rows)) return answer
    throw this.#notAnInstance('its list has no rows')
  }

  async #ask<T>(path: string, { minOffset, signal }: AskOptions): Promise<Answer<T>> {
    const { text, headers } = await this.#http.get(path, { ...minOffsetHeader(minOffset), signal })
    const lag = headers.get('x-store-lag')
    const role = headers.get('x-store-role')
    return {
      value: this.#parsed<T>(text),
      lag: lag === null ? null : Number(lag),
      role: role === 'active' || role === 'standby' ? role : null,
    }
  }

  #parsed<T>(text: string): T {
    try {
      return this.#parse(text) as T
    } catch (error) {
      throw this.#notAnInstance('its answer is not JSON', error)
    }
  }

  #notAnInstance(why: string, cause?: unknown): UnexpectedAnswerError {
    return new UnexpectedAnswerError(
      200,
      'NOT_AN_INSTANCE',
      `${this.#url} is not an instance of the application: ${why}`,
      { cause },
    )
  }
}

/** The rows of all pages: `everyRow((cursor) => client.trips({ status: 'started', cursor }))`. */
export async function* everyRow<T>(
  page: (cursor: string | undefined) => Promise<Answer<Page<T>>>,
): AsyncGenerator<T, void> {
  let cursor: string | undefined
  do {
    const { rows, nextCursor } = (await page(cursor)).value
    yield* rows
    cursor = nextCursor ?? undefined
  } while (cursor !== undefined)
}

function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  )
  return given.length === 0 ? path : `${path}?${new URLSearchParams(Object.fromEntries(given))}`
}

function minOffsetHeader(offsets: AskOptions['minOffset']): { headers?: Record<string, string> } {
  if (offsets === undefined) return {}
  const all = 'topic' in offsets ? [offsets] : offsets
  if (all.length === 0) return {}
  const text = all.map(({ topic, partition, offset }) => `${topic}:${partition}:${offset}`).join()
  return { headers: { 'x-min-offset': text } }
}
