import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rideHttp } from '../../../app/http/ride-http.ts'
import { rideViews } from '../../../app/http/ride-views.ts'
import { createHttpApp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import { TRIP_STATE_STORE } from '../../../processors/topics.ts'
import type { TripState } from '../../../processors/trip-state/trip-state.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import { MemoryApp } from '../../support/memory-app.ts'
import { Random } from '../../support/random.ts'
import { rideEvent } from '../../support/ride-events.ts'

/* Lists of trips by an index, on the ride topology in memory; a filter over all trips by tripId is the oracle. */

const PARTITIONS = 3
const DAY = Date.parse('2019-03-01T00:00:00Z')
const MINUTE = 60_000
const STATUSES = ['requested', 'accepted', 'started', 'cancelled', 'completed']
const PASSENGERS = ['p/1', '漢|字', '%00', 'p-4', 'p-5']
const DRIVERS = ['d-1', 'd|2', 'é', 'd-4']

const plan = buildRideTopology({ h3Resolution: 9, processors: ['trip-state'] }).build({ applicationId: 'lists' })
const TYPES = ['trip.requested', 'trip.accepted', 'trip.started', 'trip.completed', 'trip.cancelled'] as const
const app = new MemoryApp({
  plan,
  topics: { ...Object.fromEntries(TYPES.map((topic) => [topic, PARTITIONS])), 'trip.state': PARTITIONS },
  views: { [TRIP_STATE_STORE]: (key, stored) => rideViews.trips.view(String(key), stored) },
})
const random = new Random(7)
let http: FastifyInstance

interface Page {
  readonly rows: readonly TripState[]
  readonly nextCursor: string | null
}

async function get(url: string): Promise<Page> {
  const { statusCode, body } = await http.inject({ url })
  expect([url, statusCode, statusCode === 200 ? '' : body]).toEqual([url, 200, ''])
  return JSON.parse(body) as Page
}

/** All rows of a list, in pages. */
async function list(query: string, limit = 7): Promise<readonly TripState[]> {
  const rows: TripState[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Page = await get(`/trips?limit=${limit}&${query}${cursor === '' ? '' : `&cursor=${cursor}`}`)
    expect(page.rows.length).toBeLessThanOrEqual(limit)
    rows.push(...page.rows)
    cursor = page.nextCursor
  }
  return rows
}

let clock = DAY
function event(type: (typeof TYPES)[number], tripId: string, data: Record<string, unknown> = {}): void {
  clock += random.below(3) * MINUTE
  const { key, value, timestamp } = rideEvent(type, tripId, clock, data)
  const place = { topic: type, partition: partitionForKey(tripId, PARTITIONS) }
  app.cluster.append(place, [{ key, value, timestamp, headers: [] }])
}

const place = { lat: 40.7, lng: -74 }

function request(tripId: string): void {
  const passengerId = random.pick(PASSENGERS)
  event('trip.requested', tripId, {
    passengerId,
    pickup: place,
    dropoff: place,
    estimatedFare: 5,
    vehicleType: 'standard',
  })
}

/** Takes some trips further; others begin without their request. */
async function ride(from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i++) {
    const tripId = `trip ${i}`
    if (random.chance(0.9)) request(tripId)
    if (random.chance(0.7)) event('trip.accepted', tripId, { driverId: random.pick(DRIVERS) })
    if (random.chance(0.5)) event('trip.started', tripId, { driverId: random.pick(DRIVERS) })
    if (random.chance(0.3)) event('trip.cancelled', tripId)
    if (random.chance(0.4)) event('trip.completed', tripId, { finalFare: 5 })
  }
  for (const type of TYPES) await app.drained(type)
}

const isIn = (
  trip: TripState,
  { status, driverId, passengerId }: { status?: string; driverId?: string; passengerId?: string },
) =>
  (status === undefined || trip.status === status) &&
  (driverId === undefined || trip.driverId === driverId) &&
  (passengerId === undefined || trip.passengerId === passengerId)

/** Time of a trip in the lists. */
function timeOf({ requestedAt, acceptedAt, startedAt, cancelledAt, completedAt }: TripState): string {
  return requestedAt ?? [acceptedAt, startedAt, cancelledAt, completedAt].filter((at) => at !== null).sort()[0] ?? ''
}

async function check(): Promise<void> {
  const all = await list('', 100)
  const inOrder = [...all].sort((a, b) => {
    const [x, y] = [`${timeOf(a)} ${a.tripId}`, `${timeOf(b)} ${b.tripId}`]
    return x < y ? -1 : 1
  })
  const ids = (trips: readonly TripState[]) => trips.map(({ tripId }) => tripId)
  const queries = [
    ...STATUSES.map((status) => ({ status })),
    ...DRIVERS.map((driverId) => ({ driverId })),
    ...PASSENGERS.map((passengerId) => ({ passengerId })),
    { driverId: 'd-1', status: 'completed' },
    { driverId: 'é', passengerId: '漢|字' },
    { passengerId: 'p/1', status: 'requested' },
    { driverId: 'nobody' },
  ]
  for (const query of queries) {
    const expected = inOrder.filter((trip) => isIn(trip, query))
    const text = new URLSearchParams(query as Record<string, string>).toString()
    expect([text, ids(await list(text))]).toEqual([text, ids(expected)])
    expect(await list(`${text}&reverse=true`)).toEqual([...expected].reverse())
    const [from = '', to = ''] = [inOrder[10], inOrder[30]].map((trip) => (trip === undefined ? '' : timeOf(trip)))
    const within = expected.filter((trip) => timeOf(trip) >= from && timeOf(trip) <= to)
    expect(ids(await list(`${text}&from=${from}&to=${to}`))).toEqual(ids(within))
  }
  const [from = ''] = [inOrder[20]].map((trip) => (trip === undefined ? '' : timeOf(trip)))
  expect(ids(await list(`from=${from}`))).toEqual(ids(inOrder.filter((trip) => timeOf(trip) >= from)))
  expect(ids(await list('reverse=true'))).toEqual(ids([...inOrder].reverse()))
}

beforeAll(async () => {
  await app.start()
  await ride(0, 60)
  http = await createHttpApp({
    instance: app.instance,
    application: rideHttp({ h3Resolution: 9, driverTtlMs: 0 }),
    token: null,
    logger: createLogger({ level: 'silent' }),
  })
})

afterAll(async () => {
  await http.close()
  await app.instance.close()
})

async function checkZones(): Promise<void> {
  const completed = (await list('', 100)).flatMap(({ completedAt }) => completedAt ?? []).map((at) => Date.parse(at))
  for (const [first, last] of [
    [0, 0],
    [1, 3],
    [2, 20],
  ] as const) {
    const [from, to] = [first, last].map((hour) => DAY + hour * 60 * MINUTE) as [number, number]
    const within = completed.filter((at) => at >= from && at < to + 60 * MINUTE)
    const times = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString() })
    const { statusCode, body } = await http.inject(`/revenue/zones?${times}`)
    const rows = statusCode === 200 ? (JSON.parse(body) as { rows: Sum[] }).rows : []
    const total = (of: (row: Sum) => number): number => rows.reduce((sum, row) => sum + of(row), 0)
    const expected = [first, 200, within.length, within.length * 5]
    expect([first, statusCode, total(({ trips }) => trips), total(({ revenue }) => revenue)]).toEqual(expected)
  }
}

interface Sum {
  readonly trips: number
  readonly revenue: number
}

describe('lists of trips by status, driver, passenger and time', () => {
  it('have what is stored when they are first asked for, and what is committed later', async () => {
    await check()
    for (const round of [1, 2]) {
      // Some of these trips are known: they move from list to list.
      await ride(round * 30, 60)
      await check()
    }
  })

  it('add up by zone what was completed in a range of hours, before and after more is committed', async () => {
    await checkZones()
    await ride(90, 60)
    await checkZones()
  })

  it('refuse the cursor of another list, and of the other direction', async () => {
    const { nextCursor } = await get('/trips?status=requested&limit=1')
    for (const query of ['', 'status=started&', 'driverId=d-1&', 'status=requested&reverse=true&']) {
      expect([query, (await http.inject(`/trips?${query}cursor=${nextCursor}`)).statusCode]).toEqual([query, 400])
    }
  })
})
