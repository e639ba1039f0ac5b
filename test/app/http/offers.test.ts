import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { DriverOffer } from '../../../app/http/offers/driver-offer.ts'
import { rideHttp } from '../../../app/http/ride-http.ts'
import { rideViews } from '../../../app/http/ride-views.ts'
import { tailOf } from '../../../app/topics/open-tail.ts'
import { createHttpApp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import { realClock } from '../../../infra/streams/index.ts'
import { rideTopics } from '../../../processors/ride-topics.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import { TRIP_OFFERS_TOPIC, TRIP_STATE_STORE } from '../../../processors/topics.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { MemoryReader } from '../../../runtime/memory/memory-reader.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'
import { feedRides } from '../../support/feed-rides.ts'
import { MemoryApp } from '../../support/memory-app.ts'
import { driverAt, requested, rideEvent } from '../../support/ride-events.ts'
import type { RideInputRecord } from '../../support/ride-input.ts'
import { SseClient } from '../../support/sse-client.ts'

/* Offers of drivers: the ride topology in memory, behind a server that listens. */

const PARTITIONS = 2
const TOKEN = 'correct-horse'
const AUTHORIZED = { authorization: `Bearer ${TOKEN}` }
const NOW = Date.parse('2019-03-01T10:00:00Z')
const here = { lat: 40.7, lng: -74 }
/** About so many metres north of here. */
const north = (meters: number) => ({ lat: here.lat + meters / 111_195, lng: here.lng })

const processors = ['trip-state', 'driver-cells', 'trip-offers'] as const
const topics = rideTopics({ applicationId: 'offers', outputRetentionMs: -1 }).map(({ name }) => name)
const app = new MemoryApp({
  plan: buildRideTopology({ h3Resolution: 9, processors }).build({ applicationId: 'offers' }),
  topics: Object.fromEntries(topics.map((name) => [name, PARTITIONS])),
  views: { [TRIP_STATE_STORE]: (key, stored) => rideViews.trips.view(String(key), stored) },
})

let http: FastifyInstance
let url = ''

const openOffers = () => {
  const base = { cluster: app.cluster, clock: realClock, client: 'offers', network: IDEAL_NETWORK }
  const admin = new MemoryAdmin(base)
  const reader = new MemoryReader({ ...base, isolation: 'read_committed', maxBatches: () => 100 })
  return tailOf(
    { admin, reader, close: () => reader.close() },
    { topic: TRIP_OFFERS_TOPIC, partitions: PARTITIONS, records: 100 },
  )
}

function serve(options: { maxSubscribers?: number; open?: typeof openOffers | null } = {}): Promise<FastifyInstance> {
  const { maxSubscribers = 3, open = openOffers } = options
  return createHttpApp({
    instance: app.instance,
    application: rideHttp({ h3Resolution: 9, driverTtlMs: 300_000, openOffers: open }),
    token: TOKEN,
    maxSubscribers,
    logger: createLogger({ level: 'silent' }),
  })
}

const feed = (...records: readonly RideInputRecord[]): Promise<void> => feedRides(app, PARTITIONS, records)

/** The trip has a record of offers. */
async function offered(...trips: readonly string[]): Promise<void> {
  const keys = () => app.records(TRIP_OFFERS_TOPIC).map(({ key }) => String(key))
  await app.time.until('offered', () => trips.every((trip) => keys().includes(trip)))
}

async function rows(driverId: string, query = ''): Promise<readonly DriverOffer[]> {
  const { statusCode, body } = await http.inject({ url: `/drivers/${driverId}/offers${query}`, headers: AUTHORIZED })
  expect(statusCode).toBe(200)
  return (JSON.parse(body) as { rows: DriverOffer[] }).rows
}

const tripsIn = (data: unknown) => (data as { rows: DriverOffer[] }).rows.map(({ tripId }) => tripId)

beforeAll(async () => {
  await app.start()
  http = await serve()
  url = await http.listen({ port: 0 })
  await feed(driverAt('near', NOW, north(100)), driverAt('far', NOW, north(900)), driverAt('gone', NOW, north(9000)))
})
afterAll(() => http.close())

describe('GET /drivers/:driverId/offers', () => {
  it('has the open offers of the driver, the latest first, until the trip has a driver', async () => {
    await feed(requested('a', NOW + 1, here))
    await offered('a')
    await feed(requested('b', NOW + 2, north(50)))
    await offered('b')
    const [b, a] = await rows('near')
    expect(a).toEqual({
      tripId: 'a',
      requestedAt: '2019-03-01T10:00:00.001Z',
      pickup: { ...here, address: null },
      distanceMeters: expect.closeTo(100, 0),
      traceparent: null,
    })
    expect(b).toMatchObject({ tripId: 'b', distanceMeters: expect.closeTo(50, 0) })
    expect(tripsIn({ rows: await rows('far') })).toEqual(['b', 'a'])
    expect(tripsIn({ rows: await rows('far', '?limit=1') })).toEqual(['b'])
    expect(await rows('gone')).toEqual([])
    await feed(rideEvent('trip.accepted', 'b', NOW + 3, { driverId: 'near' }))
    expect([tripsIn({ rows: await rows('near') }), tripsIn({ rows: await rows('far') })]).toEqual([['a'], ['a']])
  })

  it('refuses ids that no driver has, and requests without the token', async () => {
    const long = `/drivers/${'d'.repeat(1025)}/offers`
    expect((await http.inject({ url: long, headers: AUTHORIZED })).statusCode).toBe(400)
    expect((await http.inject({ url: '/drivers/near/offers' })).statusCode).toBe(401)
  })

  it('is 404 when trip-offers does not run', async () => {
    const other = await serve({ open: null })
    const { statusCode, body } = await other.inject({ url: '/drivers/near/offers', headers: AUTHORIZED })
    expect([statusCode, body]).toEqual([404, expect.stringContaining('trip-offers does not run here')])
    await other.close()
  })
})

describe('the push', () => {
  const socketUrl = (driverId: string) => `${url.replace('http', 'ws')}/drivers/${driverId}/offers/events`

  it('tells a driver of each offer, by server-sent events and by a WebSocket', async () => {
    const events = await SseClient.open(`${url}/drivers/near/offers/events`, AUTHORIZED)
    const socket = new WebSocket(socketUrl('far'), { headers: AUTHORIZED })
    const messages: unknown[] = []
    socket.on('message', (data) => messages.push(JSON.parse(String(data))))
    expect((await events.next())?.data).toMatchObject({ rows: [{ tripId: 'a' }] })
    await once(socket, 'message')
    await feed(requested('c', NOW + 4, here))
    await offered('c')
    const pushed = await events.next()
    expect([pushed?.event, tripsIn(pushed?.data)]).toEqual(['offers', ['c', 'a']])
    await expect.poll(() => messages.map(tripsIn)).toEqual([['a'], ['c', 'a']])
    // Another driver takes the trip: it is no offer any more.
    await feed(rideEvent('trip.accepted', 'c', NOW + 5, { driverId: 'far' }))
    expect(tripsIn((await events.next())?.data)).toEqual(['a'])
    await expect.poll(() => tripsIn(messages.at(-1))).toEqual(['a'])
    events.close()
    socket.close()
    await once(socket, 'close')
  })

  it('wants the token, and lets no page of another origin in', async () => {
    const refused = async (headers: Record<string, string>) => {
      const socket = new WebSocket(socketUrl('near'), { headers })
      socket.on('error', () => undefined)
      const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }]
      return response.statusCode
    }
    expect(await refused({})).toBe(401)
    expect(await refused({ ...AUTHORIZED, origin: 'https://elsewhere.example' })).toBe(403)
  })

  it('notices a client that leaves before its first page', async () => {
    const gate = Promise.withResolvers<void>()
    const other = await serve({ maxSubscribers: 1, open: () => gate.promise.then(openOffers) })
    const at = `${(await other.listen({ port: 0 })).replace('http', 'ws')}/drivers/near/offers/events`
    const left = new WebSocket(at, { headers: AUTHORIZED })
    await once(left, 'open')
    left.close()
    await once(left, 'close')
    gate.resolve()
    await other.inject({ url: '/drivers/near/offers', headers: AUTHORIZED })
    const next = new WebSocket(at, { headers: AUTHORIZED })
    const refusal = once(next, 'close').then(([code]) => `closed ${code}`)
    expect(await Promise.race([once(next, 'message').then(() => 'a page'), refusal])).toBe('a page')
    await other.close()
  })

  it('is bounded: one more is refused, and all end with the server', async () => {
    const other = await serve({ maxSubscribers: 2 })
    const at = await other.listen({ port: 0 })
    const path = '/drivers/near/offers/events'
    const events = await SseClient.open(`${at}${path}`, AUTHORIZED)
    await events.next()
    const sockets = [1, 2].map(() => new WebSocket(`${at.replace('http', 'ws')}${path}`, { headers: AUTHORIZED }))
    const [first, second] = sockets as [WebSocket, WebSocket]
    const ends = sockets.map(async (socket) => {
      const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
      return `${code} ${reason}`
    })
    expect(await Promise.race(ends)).toBe('1013 TOO_MANY_SUBSCRIBERS')
    await expect(SseClient.open(`${at}${path}`, AUTHORIZED)).rejects.toThrow('TOO_MANY_SUBSCRIBERS')
    await other.close()
    expect((await Promise.all(ends)).sort()).toEqual(['1001 shutdown', '1013 TOO_MANY_SUBSCRIBERS'])
    expect(await events.next()).toEqual({ event: 'end', data: { reason: 'shutdown' } })
    expect([first.readyState, second.readyState]).toEqual([WebSocket.CLOSED, WebSocket.CLOSED])
  })
})
