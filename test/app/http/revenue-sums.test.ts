import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RideStreamsClient } from '../../../app/client/ride-streams-client.ts'
import { rideHttp } from '../../../app/http/ride-http.ts'
import { plain } from '../../../app/http/ride-views.ts'
import { nycRides } from '../../../app/simulator/nyc-rides.ts'
import { createHttpApp, type HttpServer, startHttp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import { distanceMeters } from '../../../processors/geo/great-circle.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import type { Trip } from '../../../processors/trip-state/trip.ts'
import {
  FARES_BY_COMPLETION,
  type FaresAnswer,
  type FaresQuestion,
  fareIndex,
} from '../../../processors/trip-state/trip-fares.ts'
import { TopologyTestDriver } from '../../../runtime/memory/test-driver.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import type { CommittedIndex } from '../../../state/ports/store-index.ts'
import type { KeyValueStore } from '../../../state/ports/stores.ts'
import { InMemoryInstance } from '../../support/in-memory-instance.ts'
import { recordOf, understood } from '../simulator/read-events.ts'

/*
 * Recorded rides go through the topology; their rows are dealt to two instances. The oracle folds the events: of each type the latest one
 * counts, amounts are whole cents, zones come from the file.
 */

interface Fare {
  readonly at: number
  readonly cents: number
  readonly zone: string | null
}

const fares: Fare[] = []
const servers: HttpServer[] = []
let client: RideStreamsClient

const zones = readFileSync('data/nyc-taxi-zones.csv', 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.trim().split(','))
  .map(([, zone = '', borough, lat, lng]) => ({
    name: borough === 'EWR' ? zone : `${zone}, ${borough}`,
    lat: Number(lat),
    lng: Number(lng),
  }))

function zoneOf(point: { readonly lat: number; readonly lng: number }): string | null {
  const [nearest] = zones
    .map(({ name, ...at }) => ({ name, far: distanceMeters(at, point) }))
    .sort((a, b) => a.far - b.far)
  return nearest !== undefined && nearest.far < 10_000 ? nearest.name : null
}

beforeAll(async () => {
  const plan = buildRideTopology({ h3Resolution: 9 }).build({ applicationId: 'rides' })
  const driver = new TopologyTestDriver(plan, { config: { deserializationExceptionHandler: 'dead-letter' } })
  const latest = new Map<string, NonNullable<ReturnType<typeof understood>>>()
  for (const { payload } of nycRides({ seed: 3, trips: 250, pingSeconds: 3600 }).events()) {
    const { topic, key, value } = recordOf(payload)
    if (!topic.startsWith('trip.')) continue
    const bytes = (text: string | null) => (text === null ? null : Buffer.from(text))
    driver.pipeInput(topic, { key: bytes(key), value: bytes(value), timestamp: payload.timestamp })
    const event = understood(payload)
    if (event === null) continue
    const before = latest.get(`${topic} ${key}`)
    const isLater =
      before === undefined || event.at > before.at || (event.at === before.at && event.eventId > before.eventId)
    if (isLater) latest.set(`${topic} ${key}`, event)
  }
  for (const event of latest.values()) {
    if (event.type !== 'trip.completed') continue
    const request = latest.get(`trip.requested ${event.data.tripId}`)
    fares.push({
      at: event.data.completedAt === undefined ? event.at : Date.parse(event.data.completedAt),
      cents: Math.round(event.data.finalFare * 100),
      zone: request?.type === 'trip.requested' ? zoneOf(request.data.pickup) : null,
    })
  }

  const instances = [new InMemoryInstance(), new InMemoryInstance()]
  const keys = (topic: string) => new Set(driver.readOutput(topic).map(({ key }) => String(key)))
  for (const [store, topic] of [
    ['trip-state', 'trip.state'],
    ['hourly-revenue', 'analytics.hourly_revenue'],
  ] as const) {
    for (const instance of instances) instance.stores.set(store, new Map())
    const rows = driver.store<KeyValueStore<string, unknown>>(store)
    for (const key of keys(topic)) {
      instances[partitionForKey(key, 2)]?.stores.get(store)?.set(key, rows.get(key))
    }
  }
  driver.close()
  for (const { stores, questions } of instances) {
    const trips = new Map([...(stores.get('trip-state') ?? [])].map(([key, row]) => [key, plain<Trip>(row as object)]))
    questions.set(FARES_BY_COMPLETION, (params) => fareIndex.questions[FARES_BY_COMPLETION]?.(indexOver(trips), params))
  }
  for (const instance of instances) {
    const application = rideHttp({ h3Resolution: 9, driverTtlMs: 0 })
    const logger = createLogger({ level: 'silent' })
    servers.push(await startHttp({ instance, application, token: 'secret', logger }, '127.0.0.1', 0))
  }
  for (const [own, instance] of instances.entries()) {
    instance.places = servers.map(({ url }, partition) => ({
      partition,
      active: { processId: String(partition), endpoint: new URL(url).host, isLocal: partition === own },
      standbys: [],
    }))
  }
  client = new RideStreamsClient({ url: servers[0]?.url ?? '', token: 'secret' })
})

afterAll(async () => {
  for (const server of servers) await server.close()
})

/** Trips by completion, as the index of a store has them. */
function indexOver(trips: ReadonlyMap<string, Trip>): CommittedIndex<string, Trip> {
  const all = [...trips]
    .flatMap(([key, value]) => {
      const term = fareIndex.termOf(value)
      return term === null ? [] : [{ position: `${term}\0${key}`, term, row: { key, value } }]
    })
    .sort((a, b) => (a.position < b.position ? -1 : 1))
  const rows = new Map(all.map(({ position, row }) => [position, row]))
  return {
    size: all.length,
    latestTimes: [],
    entries: (from, to, { after = null } = {}) =>
      all.filter(({ position, term }) => term >= from && term <= to && (after === null || position > after)),
    row: ({ position }) => rows.get(position) ?? null,
  }
}

function sums(names: (fare: Fare) => string | null, from = 0, to = Number.POSITIVE_INFINITY) {
  const totals = new Map<string | null, { cents: number; trips: number }>()
  for (const fare of fares) {
    if (fare.at < from || fare.at >= to) continue
    const { cents, trips } = totals.get(names(fare)) ?? { cents: 0, trips: 0 }
    totals.set(names(fare), { cents: cents + fare.cents, trips: trips + 1 })
  }
  return [...totals].map(([name, { cents, trips }]) => ({ name, revenue: cents / 100, trips }))
}

const dayOf = ({ at }: Fare): string => new Date(at).toISOString().slice(0, 10)

it('revenue by day is that of all its hours, to the cent, over all instances', async () => {
  const { value } = await client.dailyRevenue()
  const expected = sums(dayOf).sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1))
  expect(expected.length).toBeGreaterThan(1)
  expect(value).toEqual({ rows: expected.map(({ name, ...row }) => ({ day: name, ...row })), nextCursor: null })
})

it('revenue by zone is that of the trips which began there, the largest first', async () => {
  const { value } = await client.zoneRevenue()
  const expected = sums(({ zone }) => zone).sort(
    (a, b) => b.revenue - a.revenue || ((a.name ?? '') < (b.name ?? '') ? -1 : 1),
  )
  expect(expected.length).toBeGreaterThan(50)
  expect(value.rows).toEqual(expected.map(({ name, ...row }) => ({ zone: name, ...row })))
})

it('a range counts the trips completed in its hours, by day and by zone alike', async () => {
  const noon = Math.floor((fares[0]?.at ?? 0) / 3_600_000) * 3_600_000
  const range = { from: new Date(noon).toISOString(), to: new Date(noon + 2 * 3_600_000).toISOString() }
  const all = sums(() => 'all', noon, noon + 3 * 3_600_000)
  const total = (rows: readonly { readonly revenue: number; readonly trips: number }[]) => [
    {
      name: 'all',
      revenue: rows.reduce((sum, { revenue }) => sum + Math.round(revenue * 100), 0) / 100,
      trips: rows.reduce((sum, { trips }) => sum + trips, 0),
    },
  ]
  expect(total((await client.dailyRevenue(range)).value.rows)).toEqual(all)
  expect(total((await client.zoneRevenue(range)).value.rows)).toEqual(all)
  await expect(client.zoneRevenue({ from: range.to, to: range.from })).rejects.toMatchObject({ status: 400 })
})

it('the index gives every fare of its range once, in pages', () => {
  const none = { requested: null, accepted: null, started: null, cancelled: null }
  const mark = { at: 0, sub: '', eventId: 'e', driverId: null }
  const trips = new Map<string, Trip>([['open', { ...none, completed: null }]])
  for (let i = 0; i < 5000; i++) {
    trips.set(`t-${i}`, { ...none, completed: { ...mark, finalFare: i, completedAt: Math.floor(i / 3) } })
  }
  const index = indexOver(trips)
  const found: unknown[] = []
  let pages = 0
  for (let after: string | null = null, isOver = false; !isOver; pages++) {
    const answer = fareIndex.questions[FARES_BY_COMPLETION]?.(index, { from: 1, to: 1500, after })
    const { fares, end } = answer as FaresAnswer
    found.push(...fares.map(({ cents }) => cents))
    after = end
    isOver = end === null
  }
  expect(pages).toBe(3)
  expect(found.sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 4500 }, (_, i) => i + 3))
})

describe('one instance', () => {
  const url = '/revenue/zones?from=2019-03-01T00:00:00Z'
  const fares = Array.from({ length: 30_000 }, () => ({ cents: 100, pickup: null }))
  const serve = (answer: (params: FaresQuestion) => unknown) => {
    const instance = new InMemoryInstance({ 'trip-state': new Map() })
    instance.questions.set(FARES_BY_COMPLETION, (params) => answer(params as FaresQuestion))
    const application = rideHttp({ h3Resolution: 9, driverTtlMs: 0 })
    return createHttpApp({ instance, application, token: null, logger: createLogger({ level: 'silent' }) })
  }

  it('refuses a range with more than 50,000 trips, and asks for a shorter one', async () => {
    const app = await serve(({ after }) => ({ fares, end: after === null ? 'more' : null }))
    const { statusCode, body } = await app.inject({ url })
    expect([statusCode, body]).toEqual([
      400,
      expect.stringContaining('more than 50000 rows to add up: ask for a shorter'),
    ])
    await app.close()
  })

  it('adds up one range at a time: three wait, and further ones get 503 and Retry-After', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const { promise: full, resolve: refused } = Promise.withResolvers<void>()
    let running = 0
    let most = 0
    const app = await serve(async () => {
      most = Math.max(most, ++running)
      await released
      running--
      return { fares: fares.slice(0, 2), end: null }
    })
    const answers = Array.from({ length: 6 }, async () => {
      const { statusCode, headers } = await app.inject({ url })
      if (statusCode === 503) refused()
      return [statusCode, headers['retry-after']]
    })
    await full
    release()
    const got = await Promise.all(answers)
    expect(got.filter(([status]) => status === 200)).toHaveLength(4)
    expect(got.filter(([status]) => status === 503)).toEqual([
      [503, '1'],
      [503, '1'],
    ])
    expect(most).toBe(1)
    await app.close()
  })
})
