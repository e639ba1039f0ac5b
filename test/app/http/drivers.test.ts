import type { FastifyInstance } from 'fastify'
import { cellToParent, getHexagonEdgeLengthAvg, latLngToCell } from 'h3-js'
import { Value } from 'typebox/value'
import { afterEach, describe, expect, it } from 'vitest'
import { rideHttp } from '../../../app/http/ride-http.ts'
import { driverSchema, nearbySchema } from '../../../app/http/schemas.ts'
import { createHttpApp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import { MOST_ID } from '../../../processors/events/schemas.ts'
import { rideTopics } from '../../../processors/ride-topics.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import { MemoryApp } from '../../support/memory-app.ts'
import { metersBetween } from '../../support/processor-oracle.ts'
import { driverAt } from '../../support/ride-events.ts'

const TOPIC = 'driver.location.updated'
const PARTITIONS = 3
const NOW = Date.parse('2019-03-01T10:00:00Z')
const TTL_MS = 300_000
const here = { lat: 40.7, lng: -74 }
/** About so many metres north of here. */
const north = (meters: number) => ({ lat: here.lat + meters / 111_195, lng: here.lng })

type Row = Record<string, unknown>

/** The application on an in-memory cluster, two threads, behind its HTTP server. */
class Bench {
  readonly app = new MemoryApp({
    plan: buildRideTopology({ h3Resolution: 9 }).build({ applicationId: 'rides' }),
    topics: Object.fromEntries(
      rideTopics({ applicationId: 'rides', outputRetentionMs: -1 }).map(({ name }) => [name, PARTITIONS]),
    ),
    threads: 2,
    config: { deserializationExceptionHandler: 'dead-letter' },
  })
  http!: FastifyInstance

  async start(): Promise<void> {
    await this.app.start()
    this.http = await createHttpApp({
      instance: this.app.instance,
      application: rideHttp({ h3Resolution: 9, driverTtlMs: TTL_MS }),
      token: null,
      logger: createLogger({ level: 'silent' }),
    })
  }

  feed(...args: Parameters<typeof driverAt>): void {
    const { key, value, timestamp } = driverAt(...args)
    const partition = partitionForKey(key as Buffer, PARTITIONS)
    this.app.cluster.append({ topic: TOPIC, partition }, [{ key, value, timestamp, headers: [] }])
  }

  async drained(): Promise<void> {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      if (this.app.cluster.log({ topic: TOPIC, partition }).highWatermark > 0) await this.app.drained(TOPIC, partition)
    }
    await this.app.time.settle()
  }

  async get(
    url: string,
  ): Promise<{ status: number; rows: Row[]; nextCursor: string | null; error?: Row; lag: number }> {
    const response = await this.http.inject({ method: 'GET', url })
    const body = response.json() as { rows?: Row[]; nextCursor?: string | null; error?: Row }
    const lag = Number(response.headers['x-store-lag'])
    return { status: response.statusCode, rows: body.rows ?? [], nextCursor: body.nextCursor ?? null, lag, ...body }
  }

  nearby(more = ''): ReturnType<Bench['get']> {
    return this.get(`/drivers/nearby?lat=${here.lat}&lng=${here.lng}${more}`)
  }

  async close(): Promise<void> {
    await this.http.close()
    await this.app.instance.close()
  }
}

let bench: Bench

async function start(): Promise<Bench> {
  bench = new Bench()
  await bench.start()
  return bench
}

afterEach(() => bench.close())

const ids = (rows: readonly Row[]): unknown[] => rows.map(({ driverId }) => driverId)

describe('/drivers/nearby', () => {
  it('answers available drivers within the radius, nearest first, with their distance', async () => {
    const { app } = await start()
    bench.feed('far', NOW, north(4900))
    bench.feed('near', NOW, north(100))
    bench.feed('beyond', NOW, north(5100))
    bench.feed('busy', NOW, north(50), 'on_trip')
    bench.feed('off', NOW, north(50), 'offline')
    bench.feed('silent about it', NOW, north(50), '')
    bench.feed('middle', NOW, north(2000))
    await bench.drained()
    const { status, rows, nextCursor, lag } = await bench.nearby()
    expect({ status, ids: ids(rows), nextCursor, lag }).toEqual({
      status: 200,
      ids: ['near', 'middle', 'far'],
      nextCursor: null,
      lag: 0,
    })
    for (const row of rows) expect([...Value.Errors(nearbySchema, row)]).toEqual([])
    expect(rows[0]).toMatchObject({ status: 'available', at: '2019-03-01T10:00:00.000Z', ...north(100) })
    for (const row of rows) {
      expect(row.distance).toBeCloseTo(metersBetween(here, row as unknown as { lat: number; lng: number }), 4)
    }
    expect(ids((await bench.nearby('&limit=2')).rows)).toEqual(['near', 'middle'])
    expect(ids((await bench.nearby('&radius=200')).rows)).toEqual(['near'])
    expect(ids((await bench.nearby('&radius=20000')).rows)).toEqual(['near', 'middle', 'far', 'beyond'])
    expect(app.recovered).toEqual([])
  })

  it('follows drivers who move, become busy, go offline and come back', async () => {
    await start()
    bench.feed('a', NOW, north(100))
    bench.feed('b', NOW, north(200))
    await bench.drained()
    expect(ids((await bench.nearby()).rows)).toEqual(['a', 'b'])
    bench.feed('a', NOW + 1, north(9000))
    bench.feed('b', NOW + 1, north(200), 'on_trip')
    await bench.drained()
    expect(ids((await bench.nearby()).rows)).toEqual([])
    expect(ids((await bench.nearby('&radius=10000')).rows)).toEqual(['a'])
    bench.feed('b', NOW + 2, north(210))
    bench.feed('a', NOW, north(1)) // stale: changes nothing
    await bench.drained()
    expect(ids((await bench.nearby('&radius=10000')).rows)).toEqual(['b', 'a'])
  })

  it('leaves out drivers who have been silent for longer than the limit, by the events of any partition', async () => {
    await start()
    for (let i = 0; i < 12; i++) bench.feed(`driver-${i}`, NOW, north(i))
    await bench.drained()
    expect((await bench.nearby()).rows).toHaveLength(12)
    bench.feed('driver-3', NOW + TTL_MS, north(3))
    await bench.drained()
    expect((await bench.nearby()).rows).toHaveLength(12)
    bench.feed('driver-4', NOW + TTL_MS + 1, north(4))
    await bench.drained()
    // The clock of a single driver makes nobody silent.
    expect((await bench.nearby()).rows).toHaveLength(12)
    bench.feed('driver-5', NOW + TTL_MS + 1, north(5))
    await bench.drained()
    expect(ids((await bench.nearby()).rows)).toEqual(['driver-3', 'driver-4', 'driver-5'])
    expect((await bench.get(`/cells/${latLngToCell(here.lat, here.lng, 7)}`)).rows).toHaveLength(12)
  })

  it('shows committed data only, and shows it again after a restart', async () => {
    const { app } = await start()
    bench.feed('a', NOW, north(100))
    await bench.drained()
    expect(ids((await bench.nearby()).rows)).toEqual(['a'])
    let letGo: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    let waiting = 0
    for (const writer of app.writers) {
      writer.before = () => {
        waiting++
        return held
      }
    }
    bench.feed('a', NOW + 1, north(9000))
    bench.feed('b', NOW + 1, north(1))
    await app.time.until('the commits are held', () => waiting > 0)
    await app.time.pass(1000)
    expect(ids((await bench.nearby()).rows)).toEqual(['a'])
    letGo()
    await bench.drained()
    expect(ids((await bench.nearby()).rows)).toEqual(['b'])
    await bench.http.close()
    await app.instance.close()
    await bench.start()
    await app.time.until('open again', () => app.instance.state() === 'RUNNING')
    expect(ids((await bench.nearby('&radius=10000')).rows)).toEqual(['b', 'a'])
  })

  it.each([
    ['no place', ''],
    ['no longitude', '?lat=1'],
    ['a latitude beyond the pole', '?lat=90.1&lng=0'],
    ['a longitude beyond the date line', '?lat=0&lng=-180.1'],
    ['no number', '?lat=NaN&lng=0'],
    ['infinity', '?lat=0&lng=1e999'],
    ['too large a radius', '?lat=0&lng=0&radius=20000.1'],
    ['a negative radius', '?lat=0&lng=0&radius=-1'],
    ['a limit of nothing', '?lat=0&lng=0&limit=0'],
    ['too high a limit', '?lat=0&lng=0&limit=1001'],
    ['half a driver', '?lat=0&lng=0&limit=1.5'],
    ['two latitudes', '?lat=0&lat=1&lng=0'],
  ])('refuses %s', async (_what, query) => {
    await start()
    expect(await bench.get(`/drivers/nearby${query}`)).toMatchObject({ status: 400, error: { code: 'BAD_REQUEST' } })
  })

  it.each(['?lat=90&lng=180', '?lat=-90&lng=-180&radius=20000&limit=1000', '?lat=0&lng=0&radius=0&limit=1'])(
    'accepts values at the limits: %s',
    async (query) => {
      await start()
      expect(await bench.get(`/drivers/nearby${query}`)).toMatchObject({ status: 200, rows: [] })
    },
  )
})

describe('/cells/:h3', () => {
  it('continues after a page that ends with the longest valid ids', async () => {
    await start()
    const long = ['1', '2', '3'].map((end) => 'は'.repeat(MOST_ID - 1) + end)
    for (const id of long) bench.feed(id, NOW, here)
    await bench.drained()
    const cell = latLngToCell(here.lat, here.lng, 9)
    const walked: unknown[] = []
    for (let cursor = ''; ; ) {
      const page = await bench.get(`/cells/${cell}?limit=1${cursor}`)
      expect(page.status).toBe(200)
      walked.push(...ids(page.rows))
      if (page.nextCursor === null) break
      cursor = `&cursor=${page.nextCursor}`
    }
    expect(walked).toEqual(long)
  })

  it.each([0, 5, 8, 9])(
    'returns all drivers of a cell of resolution %i, in any status, page by page',
    async (resolution) => {
      await start()
      const edge = getHexagonEdgeLengthAvg(9, 'm')
      const expected: string[] = []
      const cell = latLngToCell(here.lat, here.lng, resolution)
      for (let i = 0; i < 40; i++) {
        const place = north(i * edge * 0.4)
        bench.feed(`driver-${i}`, NOW + i, place, ['available', 'on_trip', 'offline', ''][i % 4])
        if (cellToParent(latLngToCell(place.lat, place.lng, 9), resolution) === cell) expected.push(`driver-${i}`)
      }
      await bench.drained()
      const found: Row[] = []
      for (let cursor = ''; ; ) {
        const page = await bench.get(`/cells/${cell}?limit=3${cursor}`)
        expect(page.status).toBe(200)
        found.push(...page.rows)
        if (page.nextCursor === null) break
        expect(page.rows).toHaveLength(3)
        cursor = `&cursor=${page.nextCursor}`
      }
      for (const row of found) expect([...Value.Errors(driverSchema, row)]).toEqual([])
      expect(ids(found).sort()).toEqual(expected.sort())
      expect(expected.length).toBeGreaterThan(0)
      expect((await bench.get(`/cells/${cell.toUpperCase()}?limit=1000`)).rows).toHaveLength(expected.length)
    },
  )

  it.each([
    ['a finer cell than the drivers have', latLngToCell(here.lat, here.lng, 10), 'resolution 10; ask for 9'],
    ['no cell', 'nowhere', 'not an H3 cell'],
    ['an edge', '115283473fffffff', 'not an H3 cell'],
    ['a cell that cannot be', '8fffffffffffffff', 'not an H3 cell'],
    ['a cell with a digit too many', `0${latLngToCell(here.lat, here.lng, 5)}`, 'not an H3 cell'],
  ])('refuses %s', async (_what, cell, why) => {
    await start()
    expect(await bench.get(`/cells/${cell}`)).toMatchObject({
      status: 400,
      error: { code: 'BAD_REQUEST', message: expect.stringContaining(why) },
    })
  })

  it('refuses the cursor of another cell', async () => {
    await start()
    for (let i = 0; i < 3; i++) bench.feed(`d${i}`, NOW, here)
    await bench.drained()
    const { nextCursor } = await bench.get(`/cells/${latLngToCell(here.lat, here.lng, 9)}?limit=1`)
    const other = await bench.get(`/cells/${latLngToCell(here.lat, here.lng, 8)}?cursor=${nextCursor}`)
    expect(other).toMatchObject({ status: 400, error: { code: 'BAD_REQUEST' } })
  })
})
