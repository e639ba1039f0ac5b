import { cellToParent, latLngToCell } from 'h3-js'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { rideHttp } from '../../../app/http/ride-http.ts'
import { type HttpServer, startHttp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import type { DriverCell } from '../../../processors/driver-cells/driver-cell.ts'
import { driverCellSerde, driverCellsStore } from '../../../processors/driver-cells/driver-cells.ts'
import { IN_CELL, NEARBY } from '../../../processors/driver-cells/nearby/driver-index.ts'
import type { TaskHost } from '../../../runtime/ports/instance.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import { memoryBackend } from '../../../state/backends/memory.ts'
import { createStore } from '../../../state/create-store.ts'
import { NO_HEADERS } from '../../../state/ports/headers.ts'
import type { ManagedStore } from '../../../state/ports/managed-store.ts'
import { InMemoryInstance } from '../../support/in-memory-instance.ts'
import { beyond } from '../../support/places.ts'
import { metersBetween } from '../../support/processor-oracle.ts'
import { Random } from '../../support/random.ts'

/*
 * Instances with real HTTP servers, each with some partitions of one store. The rows and the index are real; the owners are
 * given.
 */

const PARTITIONS = 6
const TTL_MS = 300_000
const NOW = Date.parse('2019-03-01T10:00:00Z')
const here = { lat: 40.7, lng: -74 }
const random = new Random(5)

const stores: ManagedStore[] = []
let members: { readonly name: string; readonly instance: InMemoryInstance; readonly http: HttpServer }[] = []

beforeEach(async () => {
  members = []
  for (const name of ['a', 'b', 'c']) {
    const instance = new InMemoryInstance()
    for (const question of [NEARBY, IN_CELL])
      instance.questions.set(question, (params, partition) => stores[partition]?.committed.ask?.(question, params))
    const application = rideHttp({ h3Resolution: 9, driverTtlMs: TTL_MS })
    const logger = createLogger({ level: 'silent' })
    const http = await startHttp({ instance, application, token: 'secret', logger }, '127.0.0.1', 0)
    members.push({ name, instance, http })
  }
  deal(['a', 'b', 'b', 'c', 'a', 'c'])
})

afterEach(async () => {
  for (const { http } of members) await http.close()
  for (const store of stores.splice(0)) await store.close()
})

/** Names by partition. */
function deal(active: readonly (string | null)[], standbys: readonly string[] = []): void {
  for (const { name: own, instance } of members) {
    const host = (name: string): TaskHost => {
      const url = members.find((member) => member.name === name)?.http.url
      return { processId: name, endpoint: url === undefined ? null : new URL(url).host, isLocal: name === own }
    }
    instance.places = active.map((name, partition) => ({
      partition,
      active: name === null ? null : host(name),
      standbys: standbys.map(host),
    }))
  }
}

type Drivers = ReadonlyMap<string, DriverCell>

async function hold(drivers: Drivers): Promise<void> {
  const context = { streamTime: () => 0, recordTimestamp: () => 0, recordHeaders: () => NO_HEADERS }
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const store = createStore(driverCellsStore(false), memoryBackend('driver-cells', { keyIndex: false }), context)
    const records = [...drivers]
      .filter(([driverId]) => partitionForKey(driverId, PARTITIONS) === partition)
      .map(([driverId, driver]) => ({
        key: Buffer.from(driverId),
        value: Buffer.from(driverCellSerde.serialize('', driver) as string),
        timestamp: 0,
        headers: NO_HEADERS,
      }))
    await store.restore(records, records.length)
    stores.push(store)
  }
}

function driver(
  { lat, lng }: { lat: number; lng: number },
  at = NOW,
  status: DriverCell['status'] = 'available',
): DriverCell {
  return { at, sub: '', eventId: 'e', cell: latLngToCell(lat, lng, 9), lat, lng, status }
}

function crowd(count: number): Drivers {
  const one = (): DriverCell =>
    driver(
      beyond(here, 8000 * random.next(), 7 * random.next()),
      NOW - random.pick([0, 1, TTL_MS, TTL_MS + 1]),
      random.pick(['available', 'available', 'on_trip', null]),
    )
  return new Map(Array.from({ length: count }, (_, i) => [`driver-${i}-é\u{1F600}`, one()]))
}

interface Answer {
  readonly status: number
  readonly rows: readonly { readonly driverId: string; readonly distance: number }[]
  readonly nextCursor: string | null
  readonly headers: Headers
}

async function ask(member: number, path: string): Promise<Answer> {
  const response = await fetch(`${members[member]?.http.url}${path}`, { headers: { authorization: 'Bearer secret' } })
  const body = (await response.json()) as Omit<Answer, 'status' | 'headers'>
  return { ...body, status: response.status, headers: response.headers }
}

it('any instance finds the nearest drivers of all instances', async () => {
  const drivers = crowd(600)
  await hold(drivers)
  const near = [...drivers]
    .filter(([, { at, status }]) => status === 'available' && NOW - at <= TTL_MS)
    .map(([driverId, one]) => ({ driverId, meters: metersBetween(here, one) }))
    .filter(({ meters }) => meters <= 5000)
    .sort((a, b) => a.meters - b.meters)
  expect(near.length).toBeGreaterThan(100)
  if (members[1] !== undefined) members[1].instance.lag = 7
  for (const from of [0, 1, 2]) {
    for (const limit of [1, 20, 1000]) {
      const answer = await ask(from, `/drivers/nearby?lat=${here.lat}&lng=${here.lng}&limit=${limit}`)
      expect(answer.rows.map(({ driverId }) => driverId)).toEqual(near.slice(0, limit).map(({ driverId }) => driverId))
      expect(answer.rows[0]?.distance).toBeCloseTo(near[0]?.meters ?? 0, 4)
      expect([answer.status, answer.headers.get('x-store-lag')]).toEqual([200, '7'])
    }
  }
})

it("a driver who is silent by another instance's clock takes no place in the answer", async () => {
  // The drivers of instance b's partitions are many, near, and silent by the time that the others know.
  const ids = Array.from({ length: 400 }, (_, i) => `d-${i}`)
  const isOf = (name: string) => (id: string) =>
    members[0]?.instance.places[partitionForKey(id, PARTITIONS)]?.active?.processId === name
  const silent = ids.filter(isOf('b')).slice(0, 60)
  const alive = ids.filter(isOf('b')).slice(60, 65)
  const late = ids.filter(isOf('c')).slice(0, 10)
  await hold(
    new Map([
      ...silent.map((id, i) => [id, driver(beyond(here, 10 + i, 1), NOW - TTL_MS - 1)] as const),
      ...alive.map((id, i) => [id, driver(beyond(here, 1000 + i, 1), NOW - 60_000)] as const),
      ...late.map((id) => [id, driver({ lat: 0, lng: 0 }, NOW)] as const),
    ]),
  )
  for (const from of [0, 1, 2]) {
    const answer = await ask(from, `/drivers/nearby?lat=${here.lat}&lng=${here.lng}&limit=5`)
    expect(answer.rows.map(({ driverId }) => driverId)).toEqual(alive)
  }
})

it('pages of a cell cover all instances, each driver once', async () => {
  const drivers = crowd(300)
  await hold(drivers)
  const cell = latLngToCell(here.lat, here.lng, 6)
  const inside = [...drivers].filter(([, one]) => cellToParent(one.cell, 6) === cell).map(([id]) => id)
  expect(inside.length).toBeGreaterThan(50)
  for (const limit of [7, 1000]) {
    const found: string[] = []
    let from = 0
    for (let cursor: string | null = ''; cursor !== null; from = (from + 1) % 3) {
      const page: Answer = await ask(from, `/cells/${cell}?limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`)
      expect(page.status).toBe(200)
      found.push(...page.rows.map(({ driverId }) => driverId))
      cursor = page.nextCursor
    }
    expect(found.toSorted()).toEqual(inside.toSorted())
  }
})

it('standbys answer for an instance that has died, and mark their answers', async () => {
  await hold(new Map([...crowd(100), ['me', driver(here)]]))
  deal(['a', 'b', 'b', 'b', 'b', 'b'], ['c'])
  await members[1]?.http.close()
  const answer = await ask(0, `/drivers/nearby?lat=${here.lat}&lng=${here.lng}&limit=1`)
  expect(answer.rows[0]).toMatchObject({ driverId: 'me', distance: 0 })
  expect(answer.headers.get('x-store-role')).toBe('standby')
  await members[2]?.http.close()
  const refused = await ask(0, `/drivers/nearby?lat=${here.lat}&lng=${here.lng}`)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
})
