import { gunzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { rideHttp } from '../../../app/http/ride-http.ts'
import type { RideViews } from '../../../app/http/ride-views.ts'
import { HttpBindError } from '../../../infra/http/port/index.ts'
import { createHttpApp, startHttp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import { NoSuchStoreError, StoreUnavailableError } from '../../../runtime/ports/instance.ts'
import { StreamsBuilder } from '../../../topology/index.ts'
import { InMemoryInstance } from '../../support/in-memory-instance.ts'
import { SseClient } from '../../support/sse-client.ts'

type Stored = Record<string, unknown>

/** Stored values of these tests are the answers themselves. */
const views = {
  trips: { store: 'trip-state', view: (_key: string, stored: unknown) => stored },
  drivers: { store: 'driver-cells', view: (_key: string, stored: unknown) => stored },
  revenue: { store: 'hourly-revenue', view: (_key: string, stored: unknown) => stored },
} as RideViews

const application = rideHttp({ views, h3Resolution: 9, driverTtlMs: 300_000 })

const trip = (tripId: string, status = 'requested'): Stored => ({ tripId, status })
const hour = (text: string): Stored => ({ hour: text, revenue: 12.5, trips: 1 })
const byKey = (rows: Stored[], field: string) => new Map(rows.map((row) => [String(row[field]), row]))

let app: FastifyInstance | undefined

async function serve(instance: InMemoryInstance, token: string | null = null): Promise<FastifyInstance> {
  const logger = createLogger({ level: 'silent' })
  app = await createHttpApp({ instance, application, token, logger })
  return app
}

const get = async (url: string, headers: Record<string, string> = {}) => {
  const response = await (app as FastifyInstance).inject({ method: 'GET', url, headers })
  return { status: response.statusCode, body: response.json() as unknown, headers: response.headers }
}

afterEach(async () => {
  await app?.close()
  app = undefined
})

function stores(trips: Stored[] = [], hours: Stored[] = [], drivers: Stored[] = []): InMemoryInstance {
  return new InMemoryInstance({
    'trip-state': byKey(trips, 'tripId'),
    'hourly-revenue': byKey(hours, 'hour'),
    'driver-cells': byKey(drivers, 'driverId'),
  })
}

describe('one row', () => {
  it('answers for every valid id: 1,024 characters, and ids that a path cannot hold', async () => {
    const ids = ['漢'.repeat(1024), '/'.repeat(1024), '.', '..', 'nearby', ' ', '?#%']
    const instance = stores(
      ids.map((id) => trip(id)),
      [],
      ids.map((driverId) => ({ driverId })),
    )
    await serve(instance)
    for (const id of ids) {
      const text = encodeURIComponent(id)
      const isPath = !['.', '..', 'nearby'].includes(id)
      const paths = [`/trip?tripId=${text}`, `/driver?driverId=${text}`]
      if (isPath) paths.push(`/trips/${text}`, `/drivers/${text}`)
      for (const path of paths) expect([path.slice(0, 20), (await get(path)).status]).toEqual([path.slice(0, 20), 200])
    }
    expect((await get('/trip?tripId=nobody')).status).toBe(404)
    expect((await get('/trip')).status).toBe(400)
  })

  it('answers the view of the stored value, with x-store-lag', async () => {
    const instance = stores([trip('t-1')], [], [{ driverId: 'd/1', cell: '89' }])
    instance.lag = 17
    await serve(instance)
    const found = await get('/trips/t-1')
    expect(found).toMatchObject({ status: 200, body: trip('t-1') })
    expect(found.headers['x-store-lag']).toBe('17')
    expect(await get('/drivers/d%2F1')).toMatchObject({ status: 200, body: { driverId: 'd/1', cell: '89' } })
  })

  it('answers 404 for an unknown key or route', async () => {
    await serve(stores())
    expect(await get('/trips/nobody')).toMatchObject({
      status: 404,
      body: { error: { code: 'NOT_FOUND', message: 'there is no trip nobody' } },
    })
    const nowhere = await get('/nowhere?x=1', { 'x-request-id': 'mine' })
    expect(nowhere).toMatchObject({
      status: 404,
      body: { error: { code: 'NOT_FOUND', message: 'there is no route GET /nowhere' } },
    })
    expect(nowhere.headers['x-request-id']).toBe('mine')
  })

  it('answers 404 for a store that this application does not have', async () => {
    const instance = stores()
    instance.failure = new NoSuchStoreError('trip-state')
    await serve(instance)
    expect(await get('/trips/t-1')).toMatchObject({
      status: 404,
      body: { error: { code: 'NOT_FOUND', message: expect.stringContaining('no store trip-state') } },
    })
  })

  it('accepts long ids, and refuses broken percent-encoding', async () => {
    const long = 't'.repeat(500)
    await serve(stores([trip(long)]))
    expect((await get(`/trips/${long}`)).status).toBe(200)
    expect(await get('/trips/%zz')).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } })
  })

  it('answers 503 with retry-after while the store restores or moves', async () => {
    const instance = stores()
    instance.failure = new StoreUnavailableError('trip-state is restoring')
    await serve(instance)
    const answer = await get('/trips/t-1')
    expect(answer).toMatchObject({
      status: 503,
      body: { error: { code: 'STORE_UNAVAILABLE', message: 'trip-state is restoring' } },
    })
    expect(answer.headers['retry-after']).toBe('1')
  })

  it('answers 500 without internal details', async () => {
    const instance = stores()
    instance.failure = new Error('password in a stack')
    await serve(instance)
    expect(await get('/trips/t-1')).toMatchObject({
      status: 500,
      body: { error: { code: 'INTERNAL', message: 'internal error, see the log' } },
    })
  })
})

describe('/trips', () => {
  const ids = Array.from({ length: 120 }, (_, i) => `t-${String(i).padStart(3, '0')}`)
  type Page = { rows: Stored[]; nextCursor: string | null }

  async function walk(query: string): Promise<Page[]> {
    const pages: Page[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const answer = await get(`/trips?${query}${cursor === '' ? '' : `&cursor=${cursor}`}`)
      expect(answer.status).toBe(200)
      const page = answer.body as Page
      pages.push(page)
      cursor = page.nextCursor
    }
    return pages
  }

  it('pages through all rows once, 50 a page by default', async () => {
    await serve(stores(ids.map((id) => trip(id))))
    const pages = await walk('')
    expect(pages.map(({ rows }) => rows.length)).toEqual([50, 50, 20])
    expect(pages.flatMap(({ rows }) => rows.map(({ tripId }) => tripId))).toEqual(ids)
  })

  it('has no next cursor when the last row is the last of its page', async () => {
    await serve(stores(ids.map((id) => trip(id))))
    expect((await walk('limit=60')).map(({ rows }) => rows.length)).toEqual([60, 60])
    expect((await walk('limit=120')).map(({ rows }) => rows.length)).toEqual([120])
  })

  it('names the values that a parameter allows', async () => {
    await serve(stores())
    expect(await get('/trips?status=lost')).toMatchObject({
      body: { error: { message: expect.stringContaining('requested, accepted, started, cancelled, completed') } },
    })
  })

  it.each(['limit=0', 'limit=1001', 'limit=ten', 'limit=1.5', 'limit=', 'status=lost', 'cursor=%21', 'cursor=aGk'])(
    'answers 400 for %s',
    async (query) => {
      await serve(stores())
      expect(await get(`/trips?${query}`)).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } })
    },
  )

  it('refuses the cursor of another list', async () => {
    const hours = ['2019-03-01T00:00:00Z', '2019-03-01T01:00:00Z']
    await serve(stores([trip('t')], hours.map(hour)))
    const { nextCursor } = (await get('/revenue/hourly?limit=1')).body as Page
    expect((await get(`/revenue/hourly?cursor=${nextCursor}`)).body).toEqual({
      rows: [hour('2019-03-01T01:00:00Z')],
      nextCursor: null,
    })
    expect((await get(`/trips?cursor=${nextCursor}`)).status).toBe(400)
  })
})

describe('/revenue/hourly', () => {
  const hours = [0, 1, 2, 3, 4].map((h) => `2019-03-01T0${h}:00:00Z`)

  it.each([
    ['', [0, 1, 2, 3, 4]],
    ['from=2019-03-01T01:00:00Z&to=2019-03-01T03:00:00Z', [1, 2, 3]],
    ['from=2019-03-01T01:00:01Z&to=2019-03-01T03:59:59.999Z', [2, 3]],
    ['from=2019-03-01T03:00:00%2B01:00', [2, 3, 4]],
    ['from=2019-03-01T03:00:00+01:00', [2, 3, 4]],
    ['from=9999-12-31T23:30:00Z', []],
    ['to=2018-01-01T00:00:00Z', []],
  ])('%s', async (query, expected) => {
    await serve(stores([], hours.map(hour)))
    const { body } = await get(`/revenue/hourly?${query}`)
    expect(body).toEqual({ rows: expected.map((i) => hour(hours[i] as string)), nextCursor: null })
  })

  it('answers 400 for a range that ends before it begins', async () => {
    await serve(stores([], hours.map(hour)))
    const turned = await get('/revenue/hourly?from=2019-03-01T01:00:00Z&to=2019-03-01T00:59:59Z')
    expect(turned).toMatchObject({
      status: 400,
      body: { error: { code: 'BAD_REQUEST', message: 'from must not be after to' } },
    })
    // Between them lies no start of an hour.
    const within = await get('/revenue/hourly?from=2019-03-01T01:10:00Z&to=2019-03-01T01:20:00Z')
    expect(within).toMatchObject({ status: 200, body: { rows: [] } })
  })

  it.each(['2019-03-01', '2019-03-01T00:00:00', 'yesterday', '2019-13-01T00:00:00Z'])(
    'answers 400 for from=%s',
    async (from) => {
      await serve(stores())
      expect((await get(`/revenue/hourly?from=${from}`)).status).toBe(400)
    },
  )
})

describe('health', () => {
  it('is ready only when every owned store is restored', async () => {
    const instance = stores()
    await serve(instance)
    expect(await get('/health/ready')).toMatchObject({ status: 200, body: { status: 'ready' } })
    instance.taskList = [{ taskId: '0_0', state: 'restoring', thread: 0, partitions: [], restore: [] }]
    expect(await get('/health/ready')).toMatchObject({ status: 503, body: { restoringTasks: 1 } })
    instance.taskList = instance.taskList.map((task) => ({ ...task, state: 'standby' }))
    expect(await get('/health/ready')).toMatchObject({ status: 200, body: { restoringTasks: 0 } })
    expect((await get('/health/live')).status).toBe(200)
  })

  it('is not live after an error', async () => {
    const instance = stores()
    await serve(instance)
    instance.current = 'ERROR'
    expect(await get('/health/live')).toMatchObject({ status: 503, body: { state: 'ERROR' } })
    expect((await get('/health/ready')).status).toBe(503)
  })
})

describe('operation routes', () => {
  it('show the lag of each topic partition with the total, the tasks, and the topology', async () => {
    const instance = stores()
    const at = (topic: string, partition: number, position: number, endOffset: number) => ({
      topic,
      partition,
      position,
      endOffset,
      heldBack: 2,
    })
    instance.taskList = [
      { taskId: '0_1', state: 'running', thread: 0, partitions: [at('b', 1, 5, 9), at('a', 1, 3, 3)], restore: [] },
      { taskId: '0_0', state: 'running', thread: 0, partitions: [at('a', 0, 0, 2)], restore: [] },
    ]
    await serve(instance)
    expect((await get('/lag')).body).toEqual({
      rows: [
        { ...at('a', 0, 0, 2), lag: 2 },
        { ...at('a', 1, 3, 3), lag: 0 },
        { ...at('b', 1, 5, 9), lag: 4 },
      ],
      nextCursor: null,
      total: 6,
    })
    expect((await get('/tasks')).body).toEqual({ rows: instance.taskList, nextCursor: null })
    expect((await get('/topology')).status).toBe(503)
    instance.topology = new StreamsBuilder().build().build({ applicationId: 'rides' })
    expect((await get('/topology')).body).toEqual({ subtopologies: [], globalStores: [], repartitionTopics: [] })
  })

  it('show metrics as Prometheus text', async () => {
    const instance = stores()
    instance.families = [
      { name: 'commits_total', help: 'Commits', type: 'counter', samples: [{ labels: {}, value: 3 }], histograms: [] },
    ]
    await serve(instance)
    const response = await (app as FastifyInstance).inject('/metrics')
    expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(response.body).toMatch(/^commits_total 3$/m)
  })

  it('describe every route in /openapi.json', async () => {
    await serve(stores())
    const { paths, openapi } = (await get('/openapi.json')).body as { paths: object; openapi: string }
    expect(openapi).toBe('3.1.0')
    expect(Object.keys(paths).sort()).toEqual(
      [
        '/analytics/demand',
        '/analytics/demand/closed',
        '/analytics/funnel',
        '/audit',
        '/cells/{h3}',
        '/cells/{h3}/events',
        '/trips/{tripId}/events',
        '/driver',
        '/drivers/nearby',
        '/drivers/{driverId}',
        '/drivers/{driverId}/earnings',
        '/drivers/{driverId}/offers',
        '/drivers/{driverId}/offers/events',
        '/health/live',
        '/health/ready',
        '/lag',
        '/metrics',
        '/revenue/daily',
        '/revenue/hourly',
        '/revenue/zones',
        '/stores',
        '/stores/{store}/rows',
        '/stores/{store}/rows/{key}',
        '/stores/{store}/rows/{key}/events',
        '/stores/{store}/sessions/{key}',
        '/stores/{store}/sessions/{key}/events',
        '/stores/{store}/windows',
        '/stores/{store}/windows/{key}',
        '/stores/{store}/windows/{key}/events',
        '/tasks',
      ]
        .concat('/topology', '/trip', '/trips', '/trips/{tripId}', '/trips/{tripId}/history')
        .sort(),
    )
  })
})

it('/asyncapi.json describes the topics of this application', async () => {
  await serve(stores())
  const { body } = await get('/asyncapi.json')
  expect(body).toMatchObject({ asyncapi: '3.0.0', channels: { 'dead-letters': { address: 'ride-streams.dlq' } } })
})

describe('methods', () => {
  it('answer 405 and the right ones on the path of every route, and 404 elsewhere', async () => {
    await serve(stores())
    const { paths } = (await get('/openapi.json')).body as { paths: object }
    const others = ['/openapi.json', '/asyncapi.json', '/', '/dashboard', '/dashboard/main.ts', '/dashboard/share']
    for (const path of [...Object.keys(paths), ...others]) {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
        const url = path.replace(/{\w+}/g, 'x')
        const answer = await (app as FastifyInstance).inject({ method, url, headers: { 'x-request-id': 'mine' } })
        const allow = path.endsWith('/events') ? 'GET' : 'GET, HEAD'
        expect([path, method, answer.statusCode, answer.headers.allow]).toEqual([path, method, 405, allow])
        expect(answer.json()).toMatchObject({ error: { code: 'METHOD_NOT_ALLOWED' } })
        expect(answer.headers['x-request-id']).toBe('mine')
      }
    }
    for (const url of ['/nowhere', '/trips/', '/trips/a/b/c', '/cells', '/storesX']) {
      expect([url, (await (app as FastifyInstance).inject({ method: 'POST', url })).statusCode]).toEqual([url, 404])
    }
  })
})

describe('HTTP_TOKEN', () => {
  it('guards every route but /health', async () => {
    await serve(stores([trip('t')]), 'correct-horse')
    expect((await get('/health/live')).status).toBe(200)
    expect((await get('/health/ready?probe=1')).status).toBe(200)
    for (const url of ['/trips/t', '/metrics', '/openapi.json', '/nowhere', '/healthy', '//health/live']) {
      const { status, body, headers } = await get(url)
      expect([url, status, body]).toMatchObject([url, 401, { error: { code: 'UNAUTHORIZED' } }])
      expect(headers['www-authenticate']).toBe('Bearer')
    }
    expect((await get('/trips/t', { authorization: 'Bearer correct-horsf' })).status).toBe(401)
    expect((await get('/trips/t', { authorization: 'Bearer correct-horse' })).status).toBe(200)
  })
})

it('a port in use gives one clear error', async () => {
  const options = {
    instance: stores(),
    application,
    token: null,
    logger: createLogger({ level: 'silent' }),
  }
  const first = await startHttp(options, '127.0.0.1', 0)
  try {
    const port = Number(new URL(first.url).port)
    expect(await (await fetch(`${first.url}/health/live`)).json()).toEqual({ status: 'live', state: 'RUNNING' })
    await expect(startHttp(options, '127.0.0.1', port)).rejects.toThrow(HttpBindError)
    await expect(startHttp(options, '127.0.0.1', port)).rejects.toThrow(
      `cannot listen on HTTP_HOST 127.0.0.1, HTTP_PORT ${port}: another process uses the port`,
    )
  } finally {
    await first.close()
  }
})

describe('by setting', () => {
  const trips = Array.from({ length: 100 }, (_, i) => trip(`t-${i}`))
  const origin = 'https://app.example'

  async function serveWith(options: Partial<Parameters<typeof rideHttp>[0]>): Promise<void> {
    const logger = createLogger({ level: 'silent' })
    const settings = { views, h3Resolution: 9, driverTtlMs: 300_000, ...options }
    app = await createHttpApp({
      instance: stores(trips),
      application: rideHttp(settings),
      token: 'correct-horse',
      logger,
    })
  }
  const authorization = 'Bearer correct-horse'
  const ask = (url: string, headers: Record<string, string> = {}) =>
    (app as FastifyInstance).inject({ url, headers: { authorization, ...headers } })

  it('compresses long answers for clients that accept it, and no others', async () => {
    await serveWith({ httpGzipMinBytes: 1000 })
    const accept = { 'accept-encoding': 'gzip' }
    const plain = await ask('/trips?limit=100')
    const zipped = await ask('/trips?limit=100', accept)
    expect([plain.headers['content-encoding'], zipped.headers['content-encoding']]).toEqual([undefined, 'gzip'])
    expect(gunzipSync(zipped.rawPayload).toString()).toBe(plain.body)
    expect((await ask('/trips?limit=2', accept)).headers['content-encoding']).toBeUndefined()
  })

  it('never compresses single trips, however short the answers are that it compresses', async () => {
    await serveWith({ httpGzipMinBytes: 1 })
    const accept = { 'accept-encoding': 'gzip' }
    expect((await ask('/trips?limit=1', accept)).headers['content-encoding']).toBe('gzip')
    const single = await ask('/trips/t-1', accept)
    expect(single.headers['content-encoding']).toBeUndefined()
    expect(single.json()).toEqual(trip('t-1'))
  })

  it('answers 304 to a client that has the answer, until it changes', async () => {
    await serveWith({ httpEtag: true })
    const first = await ask('/trips/t-1')
    const etag = String(first.headers.etag)
    expect(etag).toMatch(/^W\/"/)
    const again = await ask('/trips/t-1', { 'if-none-match': etag })
    expect([again.statusCode, again.body]).toEqual([304, ''])
    expect((await ask('/trips/t-2', { 'if-none-match': etag })).statusCode).toBe(200)
  })

  it('lets pages of listed origins read answers; preflight requests need no token', async () => {
    await serveWith({ httpCorsOrigins: [origin] })
    const preflight = await (app as FastifyInstance).inject({
      method: 'OPTIONS',
      url: '/trips/t-1',
      headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' },
    })
    expect([preflight.statusCode, preflight.headers['access-control-allow-origin']]).toEqual([204, origin])
    expect((await ask('/trips/t-1', { origin })).headers['access-control-allow-origin']).toBe(origin)
    const other = await ask('/trips/t-1', { origin: 'https://elsewhere.example' })
    expect(other.headers['access-control-allow-origin']).toBeUndefined()
    expect((await ask('/nowhere')).statusCode).toBe(404)
  })

  it('lets pages of listed origins read event streams, too', async () => {
    await serveWith({ httpCorsOrigins: [origin] })
    const url = await (app as FastifyInstance).listen({ host: '127.0.0.1', port: 0 })
    for (const path of ['/trips/t-1/events', '/dashboard/events']) {
      const stream = await SseClient.open(`${url}${path}`, { authorization, origin })
      expect([path, stream.headers.get('access-control-allow-origin')]).toEqual([path, origin])
      expect(stream.headers.get('access-control-expose-headers')).toContain('x-request-id')
      stream.close()
      const other = await SseClient.open(`${url}${path}`, { authorization, origin: 'https://elsewhere.example' })
      expect([path, other.headers.get('access-control-allow-origin')]).toEqual([path, null])
      other.close()
    }
  })
})
