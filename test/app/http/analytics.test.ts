import type { FastifyInstance } from 'fastify'
import { latLngToCell } from 'h3-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rideHttp } from '../../../app/http/ride-http.ts'
import { createHttpApp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import { rideTopics } from '../../../processors/ride-topics.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import { MemoryApp } from '../../support/memory-app.ts'
import { Random } from '../../support/random.ts'
import { completed, requested, rideEvent } from '../../support/ride-events.ts'

/* Sums over trips, on the ride topology in memory; the test adds the same trips up by itself. */

const PARTITIONS = 3
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const START = Date.parse('2019-03-01T23:00:00Z')
/** A bar in an id must not mix up drivers. */
const DRIVERS = ['d-1', 'd-1|2019-03-01', 'é']
const PLACES = [
  { lat: 40.7, lng: -74 },
  { lat: 40.9, lng: -73.5 },
]

const processors = ['trip-state', 'cell-demand', 'trip-funnel', 'driver-earnings'] as const
const topics = rideTopics({ applicationId: 'sums', outputRetentionMs: -1 }).map(({ name }) => name)
const app = new MemoryApp({
  plan: buildRideTopology({ h3Resolution: 9, processors }).build({ applicationId: 'sums' }),
  topics: Object.fromEntries(topics.map((name) => [name, PARTITIONS])),
})
const random = new Random(3)

interface Trip {
  readonly at: number
  readonly place: number
  readonly driverId: string | null
  readonly waitMs: number
  readonly endMs: number
  readonly cents: number
}
const trips: Trip[] = Array.from({ length: 60 }, (_, i) => {
  const waitMs = 1000 + random.below(60_000)
  return {
    at: START + i * 2 * MINUTE,
    place: random.below(2),
    driverId: random.below(4) === 0 ? null : random.pick(DRIVERS),
    waitMs,
    endMs: waitMs + 1000 + random.below(MINUTE),
    cents: random.below(100_000),
  }
})

let http: FastifyInstance
type Row = Readonly<Record<string, unknown>>

async function get(url: string): Promise<{ rows: Row[]; nextCursor: string | null }> {
  const { statusCode, body } = await http.inject({ url })
  expect([url, statusCode, statusCode === 200 ? '' : body]).toEqual([url, 200, ''])
  return JSON.parse(body) as { rows: Row[]; nextCursor: string | null }
}

/** All rows of a list, in pages of two. */
async function all(url: string): Promise<Row[]> {
  const rows: Row[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await get(`${url}${url.includes('?') ? '&' : '?'}limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
    rows.push(...page.rows)
    cursor = page.nextCursor
  }
  return rows
}

beforeAll(async () => {
  await app.start()
  for (const [i, { at, place, driverId, waitMs, endMs, cents }] of trips.entries()) {
    const id = `trip-${i}`
    const events = [requested(id, at, PLACES[place] as object)]
    if (driverId !== null) {
      events.push(rideEvent('trip.accepted', id, at + waitMs, { driverId }))
      events.push(completed(id, at + endMs, { finalFare: cents / 100 }))
    }
    for (const { topic, key, value, timestamp } of events) {
      app.cluster.append({ topic, partition: partitionForKey(id, PARTITIONS) }, [
        { key, value, timestamp, headers: [] },
      ])
    }
  }
  for (const topic of ['trip.requested', 'trip.accepted', 'trip.completed']) {
    for (let partition = 0; partition < PARTITIONS; partition++) await app.drained(topic, partition)
  }
  for (const store of ['driver-earnings', 'trip-funnel', 'cell-demand']) {
    for (let partition = 0; partition < PARTITIONS; partition++)
      await app.drained(`sums-${store}-repartition`, partition)
  }
  http = await createHttpApp({
    instance: app.instance,
    application: rideHttp({ h3Resolution: 9, driverTtlMs: 300_000 }),
    token: null,
    logger: createLogger({ level: 'silent' }),
  })
})
afterAll(() => http.close())

function sums<T>(
  keyOf: (trip: Trip) => string | null,
  zero: () => T,
  add: (sum: T, trip: Trip) => void,
): Map<string, T> {
  const found = new Map<string, T>()
  for (const trip of trips) {
    const key = keyOf(trip)
    if (key === null) continue
    const sum = found.get(key) ?? zero()
    found.set(key, sum)
    add(sum, trip)
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}

const dayOf = ({ at, endMs }: Trip) => new Date(at + endMs).toISOString().slice(0, 10)

describe('GET /drivers/:driverId/earnings', () => {
  it.each(DRIVERS)('has the days of driver %s and of nobody else, to the cent', async (driverId) => {
    const days = sums(
      (trip) => (trip.driverId === driverId ? dayOf(trip) : null),
      () => ({ cents: 0, trips: 0 }),
      (sum, { cents }) => {
        sum.cents += cents
        sum.trips++
      },
    )
    const expected = [...days].map(([day, { cents, trips }]) => ({ driverId, day, earnings: cents / 100, trips }))
    expect(expected.length).toBeGreaterThan(1)
    const url = `/drivers/${encodeURIComponent(driverId)}/earnings`
    expect(await all(url)).toEqual(expected)
    expect(await all(`${url}?from=2019-03-02`)).toEqual(expected.filter(({ day }) => day >= '2019-03-02'))
    expect(await all(`${url}?to=2019-03-01`)).toEqual(expected.filter(({ day }) => day <= '2019-03-01'))
  })

  it('refuses days that are none, and a range the wrong way round', async () => {
    for (const query of ['from=2019-02-30', 'from=2019-03-01T00:00:00Z', 'from=2019-03-02&to=2019-03-01']) {
      expect((await http.inject({ url: `/drivers/d-1/earnings?${query}` })).statusCode).toBe(400)
    }
    expect(await all('/drivers/nobody/earnings')).toEqual([])
  })
})

it('GET /analytics/funnel has the stages of each hour', async () => {
  const hourOf = (at: number) => `${new Date(at - (at % HOUR)).toISOString().slice(0, -5)}Z`
  const hours = sums(
    ({ at }) => hourOf(at),
    () => [] as Trip[],
    (sum, trip) => void sum.push(trip),
  )
  const expected = [...hours].map(([hour, those]) => {
    const waits = those.flatMap(({ driverId, waitMs }) => (driverId === null ? [] : [waitMs])).sort((a, b) => a - b)
    const rank = (percent: number) => (waits[Math.ceil((waits.length * percent) / 100) - 1] ?? 0) / 1000
    return {
      hour,
      requested: those.length,
      accepted: waits.length,
      started: 0,
      completed: waits.length,
      cancelled: 0,
      medianSecondsToAccept: rank(50),
      p95SecondsToAccept: rank(95),
    }
  })
  expect(expected.length).toBe(2)
  expect(await all('/analytics/funnel')).toEqual(expected)
  expect(await all('/analytics/funnel?from=2019-03-01T23:30:00Z')).toEqual(expected.slice(1))
})

it('GET /analytics/demand has the windows that are not closed, of all cells or one', async () => {
  const counts = new Map<string, { requests: number; completions: number }>()
  const count = (at: number, place: number, what: 'requests' | 'completions'): void => {
    const start = new Date(at - (at % (5 * MINUTE))).toISOString().slice(0, -5)
    const { lat, lng } = PLACES[place] as (typeof PLACES)[number]
    const key = `${start}Z@${latLngToCell(lat, lng, 7)}`
    const sum = counts.get(key) ?? { requests: 0, completions: 0 }
    counts.set(key, { ...sum, [what]: sum[what] + 1 })
  }
  for (const { at, place, driverId, endMs } of trips) {
    count(at, place, 'requests')
    if (driverId !== null) count(at + endMs, place, 'completions')
  }
  const expected = [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, sum]) => {
      const [windowStart = '', cell] = key.split('@')
      const end = new Date(Date.parse(windowStart) + 5 * MINUTE).toISOString()
      return { cell, windowStart, windowEnd: `${end.slice(0, -5)}Z`, ...sum }
    })
  const rows = await all('/analytics/demand')
  const [first] = rows
  // Which windows are closed by now is a matter of time; those that are open have all of their counts.
  expect(rows.length).toBeGreaterThan(3)
  expect(rows).toEqual(expected.slice(-rows.length))
  expect(await all(`/analytics/demand?cell=${first?.cell}`)).toEqual(rows.filter(({ cell }) => cell === first?.cell))
  const from = String(rows.at(-1)?.windowStart)
  expect(await all(`/analytics/demand?from=${from}`)).toEqual(rows.filter(({ windowStart }) => windowStart === from))
  expect(await all(`/analytics/demand?to=${from}`)).toEqual(rows)
  expect((await http.inject({ url: '/analytics/demand?cell=892a100d2c3ffff' })).statusCode).toBe(400)
})
