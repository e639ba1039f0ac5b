import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { CORE_PROCESSORS } from '../../processors/processor-names.ts'
import type { TripState } from '../../processors/trip-state/trip-state.ts'
import type { TaskStatus } from '../../runtime/ports/instance.ts'
import { AppProcess } from '../support/app-process.ts'
import { API } from '../support/kafka-proxy.ts'
import { kafkajsProducer } from '../support/kafkajs.ts'
import { completed, driverAt, requested, rideEvent } from '../support/ride-events.ts'
import type { RideInputRecord } from '../support/ride-input.ts'
import { borrowProxiedRideKafka, type ProxiedRideKafka } from '../support/ride-kafka.ts'
import { SseClient } from '../support/sse-client.ts'
import { untilDrained } from '../support/until-drained.ts'
import { untilSettled } from '../support/until-settled.ts'

const APPLICATION_ID = 'queries'
const TOKEN = 'correct-horse-battery'
const authorization = { authorization: `Bearer ${TOKEN}` }
const WAIT_MS = 500
const NOON = Date.parse('2026-03-01T12:00:00Z')

let rides: ProxiedRideKafka
let producer: Awaited<ReturnType<typeof kafkajsProducer>>

beforeAll(async () => {
  rides = await borrowProxiedRideKafka(APPLICATION_ID)
  producer = await kafkajsProducer(rides.kafka)
})

afterAll(async () => {
  await producer?.disconnect()
  await rides?.close()
})

async function start(name: string): Promise<AppProcess> {
  const [port] = await freePorts(1)
  return await AppProcess.start({
    KAFKA_BROKERS: rides.bootstrap,
    APPLICATION_ID,
    STATE_DIR: join(rides.directory, name),
    HTTP_PORT: String(port),
    APPLICATION_SERVER: `127.0.0.1:${port}`,
    HTTP_TOKEN: TOKEN,
    HTTP_MIN_OFFSET_WAIT_MS: String(WAIT_MS),
    NUM_STANDBY_REPLICAS: '1',
    SESSION_TIMEOUT_MS: '6000',
    PROCESSORS: CORE_PROCESSORS.join(),
  })
}

/** One request. */
async function ask(app: AppProcess, path: string, minOffset?: string) {
  const headers = {
    ...authorization,
    ...(minOffset === undefined ? {} : { 'x-min-offset': minOffset }),
  }
  const response = await fetch(`${app.url}${path}`, { headers })
  const body = (await response.json()) as Record<string, unknown>
  return {
    status: response.status,
    body,
    lag: response.headers.get('x-store-lag'),
    role: response.headers.get('x-store-role'),
    retryAfter: response.headers.get('retry-after'),
  }
}

/** Repeats while the instance says so: a commit may take longer than it waits. */
async function answer(app: AppProcess, path: string, minOffset: string) {
  for (;;) {
    const answered = await ask(app, path, minOffset)
    if (answered.status !== 503) return answered
  }
}

/** Where it went: what x-min-offset takes. */
async function produce({ topic, key, value, timestamp }: RideInputRecord): Promise<string> {
  const [written] = await producer.send({ topic, messages: [{ key, value, timestamp: String(timestamp) }] })
  return `${topic}:${written?.partition}:${written?.baseOffset}`
}

async function tasksOf(app: AppProcess): Promise<readonly TaskStatus[]> {
  return (await ask(app, '/tasks')).body.rows as TaskStatus[]
}

it("two instances answer for each other: reads of a client's own writes, committed data only, and after a move", async () => {
  const { bootstrap, proxy } = rides
  const first = await start('first')
  await first.ready()
  const tripIds = Array.from({ length: 30 }, (_, i) => `trip-${i}`)
  const trip0 = await produce(requested('trip-0', NOON, { lat: 40.7, lng: -74 }))
  let last = ''
  for (const tripId of tripIds.slice(1)) last = await produce(requested(tripId, NOON, { lat: 40.7, lng: -74 }))
  for (const tripId of tripIds.slice(0, 10)) last = await produce(completed(tripId, NOON + 1000))
  await produce(driverAt('driver-1', NOON, { lat: 40.7, lng: -74 }))
  const second = await start('second')
  await untilDrained(bootstrap, APPLICATION_ID, 60_000)
  await untilSettled([first, second], { standbys: 1, headers: authorization })
  const both = [first, second]

  expect((await fetch(`${first.url}/trips/trip-0`)).status).toBe(401)
  // Every key from either side; half of them are not where they are asked.
  for (const app of both) {
    for (const [i, tripId] of tripIds.entries()) {
      const { status, body, lag, role } = await ask(app, `/trips/${tripId}`)
      expect({ status, tripId: body.tripId, state: body.status, lag, role }).toEqual({
        status: 200,
        tripId,
        state: i < 10 ? 'completed' : 'requested',
        lag: '0',
        role: 'active',
      })
    }
    expect((await ask(app, '/trips/nobody')).status).toBe(404)
    expect((await ask(app, '/drivers/driver-1')).body).toMatchObject({ driverId: 'driver-1', lat: 40.7 })
    const rows: unknown[] = []
    for (let cursor = ''; ; ) {
      const { body } = await ask(app, `/trips?limit=7${cursor}`)
      rows.push(...(body.rows as TripState[]).map(({ tripId }) => tripId))
      if (body.nextCursor === null) break
      cursor = `&cursor=${body.nextCursor}`
    }
    expect(rows).toEqual([...tripIds].sort())
    const revenue = await answer(app, '/revenue/hourly', last)
    expect(revenue.body).toEqual({
      rows: [{ hour: '2026-03-01T12:00:00Z', revenue: 100, trips: 10 }],
      nextCursor: null,
    })
  }

  // Reads of one's own writes, at once, at any instance; also after a repartition topic, and one that waits too long.
  for (const [i, app] of both.entries()) {
    for (const tripId of tripIds.slice(10 + 3 * i, 13 + 3 * i)) {
      const written = await produce(completed(tripId, NOON + 2000))
      const { body } = await answer(app, `/trips/${tripId}`, written)
      expect(body).toMatchObject({ tripId, status: 'completed' })
    }
    const written = await produce(completed(`trip-${16 + i}`, NOON + 2000))
    const { body } = await answer(app, '/revenue/hourly', written)
    expect(body.rows).toMatchObject([{ trips: 14 + 4 * i }])
  }
  const beyond = await ask(first, '/trips/trip-0', trip0.replace(/\d+$/, '999999'))
  expect(beyond).toMatchObject({ status: 503, retryAfter: '1', body: { error: { code: 'OFFSET_NOT_REACHED' } } })
  expect((await ask(first, '/trips/trip-0', 'trip.state:0:0')).status).toBe(400)

  // Nobody sees any part of a transaction before its end.
  const watched = 'trip-20'
  const streams = await Promise.all(
    both.map((app) => SseClient.open(`${app.url}/trips/${watched}/events`, authorization)),
  )
  for (const stream of streams) expect(await stream.next()).toMatchObject({ data: { status: 'requested' } })
  proxy.judge = ({ apiKey }) => (apiKey === API.endTxn ? 'hold' : 'forward')
  const written = await produce(rideEvent('trip.accepted', watched, NOON + 3000, { driverId: 'driver-1' }))
  while (proxy.held === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  for (const app of both) {
    expect((await ask(app, `/trips/${watched}`)).body).toMatchObject({ status: 'requested', driverId: null })
    const { rows } = (await ask(app, '/trips?limit=1000')).body as { rows: TripState[] }
    expect(rows.find(({ tripId }) => tripId === watched)).toMatchObject({ status: 'requested' })
    expect(await ask(app, `/trips/${watched}`, written)).toMatchObject({ status: 503 })
  }
  await expect(streams[0]?.next(200)).rejects.toThrow('no event')
  proxy.judge = () => 'forward'
  proxy.release()
  for (const app of both) {
    expect((await answer(app, `/trips/${watched}`, written)).body).toMatchObject({
      status: 'accepted',
      driverId: 'driver-1',
    })
  }
  expect(await streams[1]?.next()).toMatchObject({ event: 'trip', data: { status: 'accepted', driverId: 'driver-1' } })
  for (const stream of streams) stream.close()

  // A cell, gathered from all; the driver leaves it.
  const { cell } = (await ask(first, '/drivers/driver-1')).body
  const cells = await SseClient.open(`${second.url}/cells/${cell}/events`, authorization)
  expect(await cells.next()).toMatchObject({ event: 'drivers', data: { rows: [{ driverId: 'driver-1' }] } })
  await produce(driverAt('driver-1', NOON + 1000, { lat: 41, lng: -74 }))
  expect(await cells.next()).toEqual({ event: 'drivers', data: { rows: [], nextCursor: null } })
  cells.close()

  // One instance is killed: its standby answers until it has taken over, with its lag.
  const gone = second
  const lost = new Set((await tasksOf(gone)).filter(({ state }) => state === 'running').map(({ taskId }) => taskId))
  const partitionOf = (position: string): number => Number(position.split(':')[1])
  const positions = new Map<string, string>()
  for (const tripId of tripIds.slice(21)) {
    positions.set(tripId, await produce(rideEvent('trip.accepted', tripId, NOON + 4000, { driverId: 'driver-2' })))
  }
  const [victim] = [...positions].find(([, position]) => lost.has(`0_${partitionOf(position)}`)) ?? ['none']
  await answer(first, `/trips/${victim}`, positions.get(victim) ?? '')
  const far = await SseClient.open(`${first.url}/trips/${victim}/events`, authorization)
  expect(await far.next()).toMatchObject({ event: 'trip', data: { status: 'accepted' } })
  await untilSettled([first, second], { standbys: 1, headers: authorization })
  await gone.end('SIGKILL')
  // It reads the last commit from the changelog, whichever instance lives.
  await expect
    .poll(() => ask(first, `/trips/${victim}`))
    .toMatchObject({ status: 200, role: 'standby', body: { status: 'accepted', driverId: 'driver-2' } })
  const unseen = await produce(completed(victim, NOON + 5000))
  const behind = await ask(first, `/trips/${victim}`)
  expect(behind).toMatchObject({ status: 200, role: 'standby', body: { status: 'accepted' } })
  expect(Number(behind.lag)).toBeGreaterThanOrEqual(1)
  const page = await ask(first, '/trips?limit=1000')
  expect(page).toMatchObject({ status: 200, role: 'standby' })
  expect((page.body.rows as unknown[]).length).toBe(tripIds.length)
  // A client that must see the write gets no older answer.
  expect(await ask(first, `/trips/${victim}`, unseen)).toMatchObject({ status: 503, retryAfter: '1' })
  await expect(far.next()).rejects.toThrow('terminated')
  for (;;) {
    const { status, role, body } = await ask(first, `/trips/${victim}`)
    if (role === 'active' && body.status === 'completed') break
    // During the move nothing but the last committed state, or "ask again".
    expect(['503', '200 accepted', '200 completed']).toContain(status === 200 ? `200 ${body.status}` : `${status}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(await answer(first, `/trips/${victim}`, unseen)).toMatchObject({ status: 200, lag: '0', role: 'active' })
  expect(await first.end('SIGTERM')).toBe(0)
})
