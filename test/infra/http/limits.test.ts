import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { rideHttp } from '../../../app/http/ride-http.ts'
import type { RideViews } from '../../../app/http/ride-views.ts'
import { type HttpServer, startHttp } from '../../../infra/http/server.ts'
import { InMemoryInstance } from '../../support/in-memory-instance.ts'
import { type LogLine, loggedLines } from '../../support/log-lines.ts'

const view = (_key: string, stored: unknown): unknown => stored
const views = {
  trips: { store: 'trip-state', view },
  drivers: { store: 'driver-cells', view },
  revenue: { store: 'hourly-revenue', view },
} as RideViews

let http: HttpServer
let instance: InMemoryInstance
let log: readonly LogLine[]

beforeEach(async () => {
  instance = new InMemoryInstance({ 'trip-state': new Map([['t', { tripId: 't' }]]) })
  const { logger, lines } = loggedLines()
  log = lines
  const limits = { slowMs: 0, maxConcurrent: 2, headersTimeoutMs: 200, requestTimeoutMs: 400, handlerTimeoutMs: 300 }
  const application = rideHttp({ views, h3Resolution: 9, driverTtlMs: 0 })
  http = await startHttp({ instance, application, token: null, logger, limits }, '127.0.0.1', 0)
})

afterEach(async () => {
  await http.close()
})

const get = async (path: string, init?: RequestInit) => {
  const response = await fetch(`${http.url}${path}`, init)
  return { status: response.status, body: (await response.json()) as unknown, headers: response.headers }
}

/** The server's response to these bytes before it closes the connection. */
async function raw(bytes: string): Promise<{ status: number; body: unknown }> {
  const { port } = new URL(http.url)
  const socket = connect({ host: '127.0.0.1', port: Number(port) })
  socket.write(bytes)
  const answer = await text(socket)
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
  return { status: Number(head.split(' ')[1]), body: JSON.parse(body.slice(0, length)) }
}

const refused = (code: string) => ({ error: { code, message: expect.any(String) } })

it('requests above a size limit are refused in the common form of errors', async () => {
  expect(await get(`/trips?cursor=${'x'.repeat(79_000)}`)).toMatchObject({ status: 414, body: refused('URI_TOO_LONG') })
  expect(await get(`/revenue/hourly?cursor=${'x'.repeat(13_000)}`)).toMatchObject({
    status: 414,
    body: refused('URI_TOO_LONG'),
  })
  expect(await get(`/trips/${'x'.repeat(3100)}`)).toMatchObject({ status: 414, body: refused('URI_TOO_LONG') })
  expect(await raw(`GET /trips HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(90_000)}\r\n\r\n`)).toEqual({
    status: 431,
    body: refused('HEADERS_TOO_LARGE'),
  })
  const init = { method: 'POST', body: 'x'.repeat(100_000), headers: { 'content-type': 'application/json' } }
  const { status, body } = await get('/trips', init)
  expect([404, 413]).toContain(status)
  expect(body).toEqual(refused(status === 404 ? 'NOT_FOUND' : 'BODY_TOO_LARGE'))
  expect(await raw('no http at all\r\n\r\n')).toEqual({ status: 400, body: refused('BAD_REQUEST') })
})

it('requests that are never completed are ended: headers or body sent byte by byte', async () => {
  expect(await raw('GET /trips HTTP/1.1\r\nhost: x\r\n')).toEqual({ status: 408, body: refused('REQUEST_TIMEOUT') })
  const body = 'POST /trips HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{'
  const { status } = await raw(body)
  // Whichever limit comes first.
  expect([404, 408, 503]).toContain(status)
})

it('too many concurrent requests, and a request that takes too long, get 503', async () => {
  // The first request loads what validates requests.
  expect(await get('/trips/t')).toMatchObject({ status: 200 })
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  const getJson = instance.getJson.bind(instance)
  let asked = 0
  instance.getJson = async (...query) => {
    asked++
    await gate
    return await getJson(...query)
  }
  const waiting = [get('/trips/t'), get('/trips/t')]
  while (asked < 2) await new Promise((resolve) => setImmediate(resolve))
  const third = await get('/trips/t')
  expect(third).toMatchObject({ status: 503, body: refused('TOO_BUSY') })
  expect(third.headers.get('retry-after')).toBe('1')
  for (const answer of await Promise.all(waiting)) {
    expect(answer).toMatchObject({ status: 503, body: refused('TIMEOUT') })
  }
  open()
  expect(await get('/trips/t')).toMatchObject({ status: 200, body: { tripId: 't' } })
})

it('a client that disconnects frees its place', async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  const getJson = instance.getJson.bind(instance)
  let asked = 0
  instance.getJson = async (...query) => {
    asked++
    if (asked <= 2) await gate
    return await getJson(...query)
  }
  const gone = new AbortController()
  const leaving = [1, 2].map(() => get('/trips/t', { signal: gone.signal }).catch(() => 'gone'))
  while (asked < 2) await new Promise((resolve) => setImmediate(resolve))
  gone.abort()
  expect(await Promise.all(leaving)).toEqual(['gone', 'gone'])
  for (;;) {
    const { status } = await get('/trips/t')
    if (status === 200) break
  }
  open()
})

it('a slow answer is logged with its request id, and a quick one is not', async () => {
  await get('/trips?limit=3', { headers: { 'x-request-id': 'slow-1' } })
  await get('/trips/t', { headers: { 'x-request-id': 'quick-1' } })
  // The log line comes after the answer has been sent.
  const ofRequests = () => log.filter(({ reqId }) => reqId !== undefined)
  await expect.poll(ofRequests).toHaveLength(1)
  expect(ofRequests()).toMatchObject([
    { msg: 'slow request', level: 'warn', reqId: 'slow-1', method: 'GET', url: '/trips?limit=3', status: 200 },
  ])
})
