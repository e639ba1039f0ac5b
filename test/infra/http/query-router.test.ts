import { createServer, type Server } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { rideHttp } from '../../../app/http/ride-http.ts'
import type { RideViews } from '../../../app/http/ride-views.ts'
import { type HttpServer, startHttp } from '../../../infra/http/server.ts'
import { MOST_KEPT_TEXT } from '../../../processors/events/kept-text.ts'
import { StoreUnavailableError, type TaskHost } from '../../../runtime/ports/instance.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import { InMemoryInstance } from '../../support/in-memory-instance.ts'
import { type LogLine, loggedLines } from '../../support/log-lines.ts'
import { SseClient } from '../../support/sse-client.ts'

/*
 * Three instances with real HTTP servers in one process, each with all rows in its map, answering only for its own. `places`
 * tells each one the owners.
 */

const PARTITIONS = 4
const TOKEN = 'correct-horse'
const MAX_SUBSCRIBERS = 3
const view = (_key: string, stored: unknown): unknown => stored
const views = {
  trips: { store: 'trip-state', view },
  drivers: { store: 'driver-cells', view },
  revenue: { store: 'hourly-revenue', view },
} as RideViews

const application = rideHttp({ views, h3Resolution: 9, driverTtlMs: 300_000 })

interface Member {
  readonly name: string
  readonly instance: InMemoryInstance
  readonly http: HttpServer
  readonly endpoint: string
  readonly log: readonly LogLine[]
}

let members: Member[] = []
const silent: Server[] = []

beforeEach(async () => {
  members = []
  for (const name of ['a', 'b', 'c']) {
    const trips = ids.map((tripId) => [tripId, { tripId, from: name }] as const)
    const hours = ['2019-03-01T00:00:00Z', '2019-03-01T01:00:00Z', '2019-03-01T02:00:00Z']
    const instance = new InMemoryInstance({
      'trip-state': new Map(trips),
      'hourly-revenue': new Map(hours.map((hour) => [hour, { hour, revenue: 1, trips: 1 }])),
    })
    const { logger, lines } = loggedLines()
    const options = {
      instance,
      application,
      token: TOKEN,
      maxSubscribers: MAX_SUBSCRIBERS,
      logger,
    }
    const http = await startHttp(options, '127.0.0.1', 0)
    members.push({ name, instance, http, endpoint: new URL(http.url).host, log: lines })
  }
})

afterEach(async () => {
  for (const { http } of members) await http.close()
  for (const server of silent.splice(0)) server.close()
})

const ids = Array.from({ length: 60 }, (_, i) => `t-${String(i).padStart(2, '0')}`).concat(
  't-\u{1F600}',
  't-\uFF5E',
  't-é',
)
const inOrder = [...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
const idIn = (partition: number): string => ids.find((id) => partitionForKey(id, PARTITIONS) === partition) as string

/** Says to everybody who has what: names by partition. */
function deal(active: readonly (string | null)[], standbys: readonly (readonly string[])[] = []): void {
  for (const { name: own, instance } of members) {
    const host = (name: string): TaskHost => {
      const endpoint = members.find((member) => member.name === name)?.endpoint ?? null
      return { processId: name, endpoint, isLocal: name === own }
    }
    instance.places = active.map((name, partition) => ({
      partition,
      active: name === null ? null : host(name),
      standbys: (standbys[partition] ?? []).map(host),
    }))
  }
}

async function ask(member: number, path: string, headers: Record<string, string> = {}) {
  const url = `${(members[member] as Member).http.url}${path}`
  const response = await fetch(url, { headers: { authorization: `Bearer ${TOKEN}`, ...headers } })
  const body = (await response.json()) as Record<string, unknown>
  return { status: response.status, body, headers: response.headers }
}

const member = (name: string): Member => members.find((one) => one.name === name) as Member

it("any instance answers any key with the owner's status, lag and role", async () => {
  deal(['a', 'b', 'c', 'b'])
  member('b').instance.lag = 7
  for (const from of [0, 1, 2]) {
    for (const [partition, owner] of ['a', 'b', 'c', 'b'].entries()) {
      const { status, body, headers } = await ask(from, `/trips/${encodeURIComponent(idIn(partition))}`)
      expect([status, body]).toEqual([200, { tripId: idIn(partition), from: owner }])
      expect(headers.get('x-store-lag')).toBe(owner === 'b' ? '7' : '0')
      expect(headers.get('x-store-role')).toBe('active')
    }
  }
  const unknown = Array.from({ length: 20 }, (_, i) => `nobody-${i}`)
  for (const id of unknown) expect((await ask(0, `/trips/${id}`)).status).toBe(404)
})

it('a request keeps its id over all instances, whether it came with one or was given one', async () => {
  deal(['b', 'b', 'b', 'b'])
  const path = `/trips/${idIn(0)}`
  member('b').instance.failure = new TypeError('broken')
  const followed = (id: string) =>
    ['a', 'b', 'c'].map((name) =>
      member(name)
        .log.filter(({ reqId }) => reqId === id)
        .map(({ status, code, url }) => [status, code, url]),
    )
  const failed = await ask(0, path, { 'x-request-id': 'shop-17:a_b.c' })
  expect([failed.status, failed.headers.get('x-request-id')]).toEqual([500, 'shop-17:a_b.c'])
  expect(followed('shop-17:a_b.c')).toEqual([[[500, 'INTERNAL', path]], [[500, 'INTERNAL', path]], []])

  member('b').instance.failure = new StoreUnavailableError('it moves')
  for (const sent of ['', 'x'.repeat(65), 'a b', '{"a":1}', 'ü']) {
    const { status, headers } = await ask(0, `${path}?asked=${sent.length}`, {
      'x-request-id': encodeURIComponent(sent).includes('%C3') ? 'a%C3' : sent,
    })
    const given = headers.get('x-request-id') ?? ''
    expect([status, given]).toEqual([503, expect.stringMatching(/^[A-Za-z0-9_-]{8}-[0-9a-z]+$/)])
    const url = `${path}?asked=${sent.length}`
    expect(followed(given)).toEqual([[[503, 'STORE_UNAVAILABLE', url]], [[503, 'STORE_UNAVAILABLE', url]], []])
  }
  const ids = ['a', 'b', 'c'].flatMap((name) => member(name).log.map(({ reqId }) => `${name} ${reqId}`))
  expect(new Set(ids).size).toBe(ids.length)
  // A normal answer leaves no line.
  member('b').instance.failure = null
  const before = ids.length
  expect((await ask(0, path)).status).toBe(200)
  expect(members.reduce((sum, { log }) => sum + log.length, 0)).toBe(before)
})

it('a standby answers while the owner of the task refuses, is silent, unreachable or unknown', async () => {
  const path = `/trips/${idIn(0)}`
  // Refuses: it has the task by the others' knowledge, and does not know it itself.
  deal(['b', 'b', 'b', 'b'], [['c'], ['c'], ['c'], ['c']])
  member('b').instance.places = member('b').instance.places.map((place) => ({ ...place, active: null }))
  member('c').instance.lag = 12
  const refused = await ask(0, path)
  expect(refused).toMatchObject({ status: 200, body: { from: 'c' } })
  expect(refused.headers.get('x-store-lag')).toBe('12')
  expect(refused.headers.get('x-store-role')).toBe('standby')
  // Nobody has it: the standby here answers.
  deal([null, null, null, null], [['a'], ['a'], ['a'], ['a']])
  expect(await ask(0, path)).toMatchObject({ status: 200, body: { from: 'a' } })
  // Accepts the connection and says nothing.
  let asked = 0
  const mute = createServer(() => asked++).listen(0, '127.0.0.1')
  silent.push(mute)
  await new Promise((resolve) => mute.once('listening', resolve))
  const { port } = mute.address() as { port: number }
  deal(['b', 'b', 'b', 'b'], [['c'], ['c'], ['c'], ['c']])
  const hung: TaskHost = { processId: 'b', endpoint: `127.0.0.1:${port}`, isLocal: false }
  const { instance } = member('a')
  instance.places = instance.places.map((place) => ({ ...place, active: hung }))
  // A request that has waited for it once does not wait again, for a while.
  for (let i = 0; i < 10; i++) expect(await ask(0, path)).toMatchObject({ status: 200, body: { from: 'c' } })
  expect(asked).toBeLessThan(10)
  // Gone altogether.
  mute.close()
  deal(['b', 'b', 'b', 'b'], [['c'], ['c'], ['c'], ['c']])
  await member('b').http.close()
  expect(await ask(0, path)).toMatchObject({ status: 200, body: { from: 'c' } })
  expect((await ask(0, '/trips?limit=1000')).body.rows).toEqual(inOrder.map((tripId) => ({ tripId, from: 'c' })))
})

it('503 with retry-after is the answer when no instance can answer', async () => {
  deal(['b', 'b', 'b', 'b'])
  await member('b').http.close()
  for (const path of [`/trips/${idIn(0)}`, '/trips']) {
    const { status, body, headers } = await ask(0, path)
    expect([status, body]).toMatchObject([503, { error: { code: 'STORE_UNAVAILABLE' } }])
    expect(headers.get('retry-after')).toBe('1')
  }
  // An instance without APPLICATION_SERVER cannot be asked.
  const { instance } = member('a')
  instance.places = instance.places.map((place) => ({
    ...place,
    active: { processId: 'b', endpoint: null, isLocal: false },
  }))
  expect((await ask(0, '/trips/t-00')).body).toMatchObject({
    error: { message: 'process b has no APPLICATION_SERVER' },
  })
})

it('a forwarded request is never forwarded again, whatever the instances believe', async () => {
  // Each is sure that the next one has it.
  deal(['b', 'b', 'b', 'b'])
  const { instance } = member('b')
  instance.places = member('a').instance.places.map((place) => ({
    ...place,
    active: { processId: 'a', endpoint: member('a').endpoint, isLocal: false },
  }))
  expect((await ask(0, '/trips/t-00')).status).toBe(503)
  expect((await ask(1, '/trips')).status).toBe(503)
  for (const headers of [{ 'x-store-role': 'boss' }, { 'x-store-role': 'active' }]) {
    expect((await ask(0, '/trips/t-00', headers)).status).toBe(400)
  }
  const bad = { 'x-store-role': 'active', 'x-store-partitions': '0,x' }
  expect((await ask(0, '/trips', bad)).status).toBe(400)
})

it('pages over all instances hold every row once, in key order, with the sum of the lags', async () => {
  deal(['a', 'b', 'c', 'b'])
  for (const { instance } of members) instance.lag = 5
  for (const limit of [1, 7, 1000]) {
    const walked: unknown[] = []
    for (let cursor = ''; ; ) {
      const { body, headers } = await ask(limit % 3, `/trips?limit=${limit}${cursor}`)
      const rows = body.rows as { tripId: string }[]
      expect(rows.length).toBeLessThanOrEqual(limit)
      walked.push(...rows.map(({ tripId }) => tripId))
      expect(headers.get('x-store-lag')).toBe('15')
      if (body.nextCursor === null) break
      cursor = `&cursor=${body.nextCursor}`
    }
    expect(walked).toEqual(inOrder)
  }
  const hours = (await ask(2, '/revenue/hourly?from=2019-03-01T01:00:00Z')).body
  expect(hours).toMatchObject({ rows: [{ hour: '2019-03-01T01:00:00Z' }, { hour: '2019-03-01T02:00:00Z' }] })
  expect((await ask(0, '/trips?limit=0')).status).toBe(400)
  expect((await ask(0, '/trips?cursor=nonsense')).status).toBe(400)
})

it('pages over all instances continue after the longest valid ids', async () => {
  deal(['a', 'b', 'c', 'b'])
  const long = ['x', 'は'].flatMap((letter) => ['1', '2', '3'].map((end) => letter.repeat(MOST_KEPT_TEXT - 2) + end))
  for (const { instance } of members) {
    const trips = instance.stores.get('trip-state') as Map<string, unknown>
    for (const tripId of long) trips.set(tripId, { tripId })
  }
  const walked: unknown[] = []
  for (let cursor = ''; ; ) {
    const { status, body } = await ask(walked.length % 3, `/trips?limit=3${cursor}`)
    expect(status).toBe(200)
    walked.push(...(body.rows as { tripId: string }[]).map(({ tripId }) => tripId))
    if (body.nextCursor === null) break
    cursor = `&cursor=${body.nextCursor}`
  }
  expect(walked).toEqual([...ids, ...long].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
})

it('amounts beyond the precision of a double pass between instances digit by digit', async () => {
  deal(['b', 'b', 'b', 'b'])
  const big = '{"hour":"2019-03-01T00:00:00Z","revenue":90071992547409931234.56,"trips":1}'
  const { instance } = member('b')
  const raw = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON('90071992547409931234.56')
  instance.stores.set('hourly-revenue', new Map([['2019-03-01T00:00:00Z', { ...JSON.parse(big), revenue: raw }]]))
  const response = await fetch(`${member('a').http.url}/revenue/hourly`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  expect(await response.text()).toBe(`{"rows":[${big}],"nextCursor":null}`)
})

it('x-min-offset waits at the owner of the task, and gives 503 when it is not reached, even with a standby', async () => {
  deal(['b', 'b', 'b', 'b'], [['a'], ['a'], ['a'], ['a']])
  const { instance } = member('b')
  instance.shown.set('trip.requested:1', 41)
  const path = `/trips/${idIn(0)}`
  expect(await ask(0, path, { 'x-min-offset': 'trip.requested:1:40' })).toMatchObject({
    status: 200,
    body: { from: 'b' },
  })
  for (const asked of [path, '/trips']) {
    const { status, body, headers } = await ask(0, asked, {
      'x-min-offset': 'trip.requested:1:40, trip.requested:1:41',
    })
    expect([status, body]).toMatchObject([503, { error: { code: 'OFFSET_NOT_REACHED' } }])
    expect(headers.get('retry-after')).toBe('1')
  }
  const many = Array.from({ length: 17 }, () => 'trip.requested:1:1').join()
  for (const header of ['trip.requested:1', 'trip.requested:1:-1', 'unknown:0:0', 'a b:0:0', many]) {
    expect([header, (await ask(0, path, { 'x-min-offset': header })).status]).toEqual([header, 400])
  }
})

it("a trip's events come from the owner of its task through any instance, and end with a reason", async () => {
  deal(['b', 'b', 'b', 'b'])
  const tripId = idIn(0)
  const open = (from: string): Promise<SseClient> =>
    SseClient.open(`${member(from).http.url}/trips/${tripId}/events`, { authorization: `Bearer ${TOKEN}` })
  const [near, far] = [await open('b'), await open('a')]
  for (const client of [near, far]) {
    expect(await client.next()).toEqual({ event: 'trip', data: { tripId, from: 'b' } })
  }
  expect(near.headers.get('x-store-role')).toBe('active')
  const { instance } = member('b')
  await instance.put('trip-state', tripId, { tripId, status: 'accepted' })
  // The same again is no news.
  await instance.put('trip-state', tripId, { tripId, status: 'accepted' })
  await instance.put('trip-state', tripId, { tripId, status: 'started' })
  for (const client of [near, far]) {
    expect(await client.next()).toEqual({ event: 'trip', data: { tripId, status: 'accepted' } })
    expect(await client.next()).toEqual({ event: 'trip', data: { tripId, status: 'started' } })
  }
  instance.endWatches()
  for (const client of [near, far]) {
    expect(await client.next()).toEqual({ event: 'end', data: { reason: 'moved' } })
    expect(await client.next()).toBeNull()
  }
  expect(instance.watchers('trip-state', tripId)).toBe(0)
})

it('event streams have a limit, are refused like queries, end with their clients, and end at shutdown', async () => {
  deal(['b', 'b', 'b', 'b'])
  const tripId = idIn(1)
  const path = `/trips/${tripId}/events`
  expect(await ask(0, '/trips/nobody/events')).toMatchObject({ status: 404, body: { error: { code: 'NOT_FOUND' } } })
  const { instance } = member('b')
  const clients = await Promise.all(
    Array.from({ length: MAX_SUBSCRIBERS }, () =>
      SseClient.open(`${member('b').http.url}${path}`, { authorization: `Bearer ${TOKEN}` }),
    ),
  )
  // The owner of the trip is full, also for clients that ask through another instance.
  for (const from of [0, 1]) {
    const { status, headers } = await ask(from, path)
    expect([status, headers.get('retry-after')]).toEqual([503, '1'])
  }
  const [first, second] = clients
  first?.close()
  while (instance.watchers('trip-state', tripId) === MAX_SUBSCRIBERS)
    await new Promise((resolve) => setImmediate(resolve))
  expect(await second?.next()).toMatchObject({ event: 'trip' })
  await member('b').http.close()
  expect(await second?.next()).toEqual({ event: 'end', data: { reason: 'shutdown' } })
  expect(instance.watchers('trip-state', tripId)).toBe(0)
})
