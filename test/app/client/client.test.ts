import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { rideHttp } from '../../../app/http/ride-http.ts'
import type { RideViews } from '../../../app/http/ride-views.ts'
import {
  BadQuestionError,
  type ClientError,
  everyRow,
  NotFoundError,
  RideStreamsClient,
  type RideStreamsClientOptions,
  type Task,
  type Trip,
  UnauthorizedError,
  UnavailableError,
  UnexpectedAnswerError,
} from '../../../exports/client.ts'
import { createHttpApp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import type { TripState } from '../../../processors/trip-state/trip-state.ts'
import type { TaskStatus } from '../../../runtime/ports/instance.ts'
import { InMemoryInstance } from '../../support/in-memory-instance.ts'

/*
 * The client against the real HTTP server over plain maps, and against servers that misbehave. On a broker: test/package.
 */

const view = (_key: string, stored: unknown) => stored
const views = {
  trips: { store: 'trip-state', view },
  drivers: { store: 'driver-cells', view },
  revenue: { store: 'hourly-revenue', view },
} as RideViews

const closers: Array<() => unknown> = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

const trip = (tripId: string, status = 'requested') => ({ tripId, status })

function instanceWith(trips: ReadonlyArray<{ tripId: string }>): InMemoryInstance {
  return new InMemoryInstance({
    'trip-state': new Map(trips.map((row) => [row.tripId, row])),
    'driver-cells': new Map([['d/1', { driverId: 'd/1', cell: '892a100d2c3ffff' }]]),
    'hourly-revenue': new Map(
      ['2019-03-01T00:00:00Z', '2019-03-01T01:00:00Z'].map((hour) => [hour, { hour, revenue: 12.5, trips: 1 }]),
    ),
  })
}

async function serve(
  instance: InMemoryInstance,
  token: string | null = null,
): Promise<{ app: FastifyInstance; url: string; connections: () => number }> {
  const app = await createHttpApp({
    instance,
    application: rideHttp({ views, h3Resolution: 9, driverTtlMs: 300_000 }),
    token,
    logger: createLogger({ level: 'silent' }),
  })
  let connections = 0
  app.server.on('connection', () => connections++)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  closers.push(() => app.close())
  return { app, url, connections: () => connections }
}

async function clientOf(instance: InMemoryInstance, options: Partial<RideStreamsClientOptions> = {}) {
  const { url } = await serve(instance)
  return new RideStreamsClient({ url, patienceMs: 0, ...options })
}

/** A server that answers what the test says. */
async function script(answer: (path: string, response: ServerResponse, socket: Socket) => void): Promise<string> {
  const server: Server = createServer((request, response) => answer(request.url ?? '', response, request.socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const failureOf = async (promise: Promise<unknown>): Promise<ClientError> => {
  try {
    await promise
  } catch (error) {
    return error as ClientError
  }
  throw new Error('no error')
}

it("the client's types equal the types of the server's answers", () => {
  // Compiled, not run: each is assignable to the other, but for sums beyond 2^53 cents.
  type Exact<T> = Omit<T, 'estimatedFare' | 'finalFare'>
  const trips = (a: Trip, b: Exact<TripState>): [TripState, Exact<Trip>] => [a, b]
  const tasks = (a: Task, b: TaskStatus): [TaskStatus, Readonly<Omit<Task, 'partitions' | 'restore'>>] => [a, b]
  expect([trips.length, tasks.length]).toEqual([2, 2])
})

describe('questions of the client', () => {
  it("get the server's answer and how far the store is behind", async () => {
    const instance = instanceWith([trip('t/1')])
    instance.lag = 17
    const client = await clientOf(instance)
    expect(await client.trip('t/1')).toEqual({ value: trip('t/1'), lag: 17, role: 'active' })
    expect((await client.driver('d/1')).value.cell).toBe('892a100d2c3ffff')
    expect((await client.hourlyRevenue({ from: '2019-03-01T01:00:00Z' })).value).toEqual({
      rows: [{ hour: '2019-03-01T01:00:00Z', revenue: 12.5, trips: 1 }],
      nextCursor: null,
    })
    expect((await client.lag()).value).toEqual({ rows: [], nextCursor: null, total: 0 })
    expect(await client.tasks()).toEqual({ value: { rows: [], nextCursor: null }, lag: null, role: null })
  })

  it('about places send their point to the server', async () => {
    const asked: string[] = []
    const url = await script((path, response) => {
      asked.push(path)
      response.end('{"rows":[],"nextCursor":null}')
    })
    const client = new RideStreamsClient({ url: `${url}/` })
    await client.nearby({ lat: 40.75, lng: -73.98, radius: 500 })
    await client.cell('892a100d2c3ffff', { limit: 3 })
    await client.trips({ status: 'started', driverId: 'd/1', from: '2019-03-01T10:00:00Z', reverse: true })
    expect(asked).toEqual([
      '/drivers/nearby?lat=40.75&lng=-73.98&radius=500',
      '/cells/892a100d2c3ffff?limit=3',
      '/trips?status=started&driverId=d%2F1&from=2019-03-01T10%3A00%3A00Z&reverse=true',
    ])
  })

  it('about lists read all pages over kept-alive connections', async () => {
    const rows = Array.from({ length: 5 }, (_, i) => trip(`t-${i * 5 + 10}`))
    const { url, connections } = await serve(instanceWith(rows))
    const client = new RideStreamsClient({ url })
    const ids: string[] = []
    for await (const { tripId } of everyRow((cursor) => client.trips({ limit: 1, cursor }))) {
      ids.push(tripId)
    }
    expect(ids).toEqual(['t-10', 't-15', 't-20', 't-25', 't-30'])
    expect(connections()).toBeLessThan(3)
  })

  it('wait until the answer includes the records named by minOffset', async () => {
    const instance = instanceWith([trip('t-1')])
    const client = await clientOf(instance)
    const minOffset = { topic: 'trip.requested', partition: 1, offset: 41 }
    const refused = await failureOf(client.trip('t-1', { minOffset }))
    expect([refused.constructor, refused.code]).toEqual([UnavailableError, 'OFFSET_NOT_REACHED'])
    instance.shown.set('trip.requested:1', 42)
    expect((await client.trip('t-1', { minOffset: [minOffset] })).value).toEqual(trip('t-1'))
    expect((await client.trip('t-1', { minOffset: [] })).value).toEqual(trip('t-1'))
  })

  it('send the bearer token', async () => {
    const { url } = await serve(instanceWith([trip('t-1')]), 'correct-horse')
    const refused = await failureOf(new RideStreamsClient({ url }).trip('t-1'))
    expect([refused.constructor, refused.code, refused.status]).toEqual([UnauthorizedError, 'UNAUTHORIZED', 401])
    expect((await new RideStreamsClient({ url, token: 'correct-horse' }).trip('t-1')).value).toEqual(trip('t-1'))
  })
})

describe('failures', () => {
  it("become error classes with the server's code", async () => {
    const instance = instanceWith([])
    const client = await clientOf(instance)
    const missing = await failureOf(client.trip('t-9'))
    expect([missing.constructor, missing.code, missing.message]).toEqual([
      NotFoundError,
      'NOT_FOUND',
      'there is no trip t-9',
    ])
    const bad = await failureOf(client.hourlyRevenue({ from: 'yesterday' }))
    expect([bad.constructor, bad.code, bad.message]).toEqual([
      BadQuestionError,
      'BAD_REQUEST',
      expect.stringContaining('ISO 8601'),
    ])
    instance.failure = new Error('planted')
    const broken = await failureOf(client.trip('t-9'))
    expect([broken.constructor, broken.code, broken.status]).toEqual([UnexpectedAnswerError, 'INTERNAL', 500])
  })

  it('name a server that is not an instance, or does not answer', async () => {
    const url = await script((path, response) => {
      if (path.includes('t-2')) response.statusCode = 502
      response.end('<html>')
    })
    const client = new RideStreamsClient({ url, patienceMs: 0 })
    const html = await failureOf(client.trip('t-1'))
    expect([html.constructor, html.code]).toEqual([UnexpectedAnswerError, 'NOT_AN_INSTANCE'])
    const balancer = await failureOf(client.trip('t-2'))
    expect([balancer.constructor, balancer.code]).toEqual([UnavailableError, 'NO_INSTANCE'])
    const nobody = await failureOf(new RideStreamsClient({ url: 'http://127.0.0.1:1' }).trip('t-1'))
    expect([nobody.constructor, nobody.code, nobody.status]).toEqual([UnavailableError, 'NO_ANSWER', null])
  })

  it('of a temporary kind are retried as Retry-After says, within patienceMs', async () => {
    const asked: number[] = []
    const url = await script((path, response) => {
      asked.push(performance.now())
      if (path === '/trips/t-1' && asked.length === 3) return response.end('{"tripId":"t-1"}')
      response.writeHead(503, { 'retry-after': path === '/trips/t-1' ? '0.2' : '30' })
      response.end('{"error":{"code":"STORE_UNAVAILABLE","message":"trip-state restores"}}')
    })
    const client = new RideStreamsClient({ url, patienceMs: 5000 })
    expect((await client.trip('t-1')).value).toEqual({ tripId: 't-1' })
    expect((asked[2] ?? 0) - (asked[0] ?? 0)).toBeGreaterThan(380)
    const refused = (await failureOf(client.trip('t-2'))) as UnavailableError
    expect([refused.code, refused.retryAfterMs, asked.length]).toEqual(['STORE_UNAVAILABLE', 30_000, 4])
  })

  it('of a kept-alive connection that the server has closed are retried without an error', async () => {
    const seen = new Set<Socket>()
    let closed = 0
    const url = await script((_path, response, socket) => {
      if (!seen.has(socket)) {
        seen.add(socket)
        return response.end('{"tripId":"t-1"}')
      }
      closed++
      socket.destroy()
    })
    const client = new RideStreamsClient({ url })
    for (let asked = 0; asked < 5; asked++) {
      expect((await client.trip('t-1')).value).toEqual({ tripId: 't-1' })
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(closed).toBeGreaterThan(0)
  })

  it('a question that takes too long, or that its caller aborts, ends with an error', async () => {
    const url = await script(() => undefined)
    const late = await failureOf(new RideStreamsClient({ url, timeoutMs: 50 }).trip('t-1'))
    expect([late.code, late.message]).toEqual([
      'NO_ANSWER',
      `cannot get an answer from ${url}: no answer arrived within 50 ms`,
    ])
    const mine = new Error('enough')
    await expect(new RideStreamsClient({ url }).trip('t-1', { signal: AbortSignal.abort(mine) })).rejects.toBe(mine)
  })
})

describe('watched states', () => {
  it('of a trip arrive at once and after every change, also after its task has moved, each once', async () => {
    const instance = instanceWith([trip('t-1')])
    const client = await clientOf(instance)
    const seen: string[] = []
    for await (const { status } of client.tripStates('t-1')) {
      seen.push(status)
      if (status === 'requested') await instance.put('trip-state', 't-1', trip('t-1', 'accepted'))
      // The client comes back and gets the same state first.
      if (status === 'accepted') {
        instance.endWatches()
        const isBack = (): boolean => instance.watchers('trip-state', 't-1') > 0
        while (isBack()) await new Promise((resolve) => setTimeout(resolve, 5))
        setTimeout(async () => {
          while (!isBack()) await new Promise((resolve) => setTimeout(resolve, 5))
          await instance.put('trip-state', 't-1', trip('t-1', 'completed'))
        })
      }
      if (status === 'completed') break
    }
    expect(seen).toEqual(['requested', 'accepted', 'completed'])
    while (instance.watchers('trip-state', 't-1') > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  })

  it('of a trip that does not exist end with NotFoundError, and the signal ends a watch', async () => {
    const client = await clientOf(instanceWith([trip('t-1')]))
    await expect(client.tripStates('t-9').next()).rejects.toBeInstanceOf(NotFoundError)
    const abort = new AbortController()
    const states = client.tripStates('t-1', { signal: abort.signal })
    expect((await states.next()).value).toEqual(trip('t-1'))
    abort.abort()
    expect(await states.next()).toEqual({ value: undefined, done: true })
  })

  it('of a cell arrive as pages of drivers', async () => {
    const url = await script((path, response) => {
      expect(path).toBe('/cells/892a100d2c3ffff/events?limit=7')
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      // In pieces, as a network may cut them.
      for (const piece of [
        'retry: 1\n\nevent: dri',
        'vers\ndata: {"rows":[{"driverId":"ü"}],',
        '"nextCursor":null}\n\n',
      ]) {
        response.write(piece)
      }
    })
    for await (const { rows } of new RideStreamsClient({ url }).cellStates('892a100d2c3ffff', { limit: 7 })) {
      expect(rows).toEqual([{ driverId: 'ü' }])
      break
    }
  })

  it('end with an error when no server answers for longer than patienceMs', async () => {
    const { app, url } = await serve(instanceWith([trip('t-1')]))
    const states = new RideStreamsClient({ url, patienceMs: 300 }).tripStates('t-1')
    await states.next()
    const next = failureOf(states.next())
    await app.close()
    const gone = await next
    expect([gone.constructor, gone.code]).toEqual([UnavailableError, 'NO_ANSWER'])
  })
})
