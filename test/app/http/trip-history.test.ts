import type { FastifyInstance } from 'fastify'
import { Value } from 'typebox/value'
import { afterEach, describe, expect, it } from 'vitest'
import { rideHttp } from '../../../app/http/ride-http.ts'
import { tripHistorySchema, tripSchema } from '../../../app/http/schemas.ts'
import { views } from '../../../app/ride-app.ts'
import { createHttpApp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import { ALL_PROCESSORS, CORE_PROCESSORS, type ProcessorName } from '../../../processors/processor-names.ts'
import { rideTopics } from '../../../processors/ride-topics.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import { feedRides } from '../../support/feed-rides.ts'
import { MemoryApp } from '../../support/memory-app.ts'
import { completed, requested, rideEvent } from '../../support/ride-events.ts'
import type { RideInputRecord } from '../../support/ride-input.ts'

const PARTITIONS = 2
const RETENTION_MS = 3_600_000
const START = Date.parse('2019-03-01T10:00:00Z')
const application = rideHttp({ h3Resolution: 9, driverTtlMs: 0 })

let app: MemoryApp
let http: FastifyInstance

async function start(processors: readonly ProcessorName[] = ALL_PROCESSORS): Promise<void> {
  const topology = buildRideTopology({ h3Resolution: 9, processors, tripHistoryRetentionMs: RETENTION_MS })
  const topics = rideTopics({ applicationId: 'rides', outputRetentionMs: -1 })
  app = new MemoryApp({
    plan: topology.build({ applicationId: 'rides' }),
    topics: Object.fromEntries(topics.map(({ name }) => [name, PARTITIONS])),
    threads: 2,
    views,
  })
  await app.start()
  await serve()
}

async function serve(): Promise<void> {
  const logger = createLogger({ level: 'silent' })
  http = await createHttpApp({ instance: app.instance, application, token: null, logger })
}

afterEach(async () => {
  await http.close()
  await app.instance.close()
})

const feed = (...records: readonly RideInputRecord[]): Promise<void> => feedRides(app, PARTITIONS, records)

async function get(path: string) {
  const response = await http.inject({ method: 'GET', url: path })
  const { 'content-type': type, 'x-store-lag': lag } = response.headers
  return { status: response.statusCode, type, lag, body: response.json() as Record<string, unknown> }
}

const id = encodeURIComponent('trip/é')
const ride = [
  requested('trip/é', START, { lat: 1, lng: 2 }, { eventId: 'e1' }),
  completed('trip/é', START + 60_000, { finalFare: 12.5 }, { eventId: 'e3' }),
  rideEvent('trip.accepted', 'trip/é', START + 2000, { driverId: 'd' }, { eventId: 'e2' }),
]

describe('/trips/:tripId/history and ?asOf', () => {
  it('answer from the events in the order of their times, and conform to the schemas', async () => {
    await start()
    await feed(...ride)
    const history = await get(`/trips/${id}/history`)
    expect([history.status, history.type, history.lag]).toEqual([200, 'application/json; charset=utf-8', '0'])
    expect([...Value.Errors(tripHistorySchema, history.body)]).toEqual([])
    expect(history.body).toMatchObject({
      rows: [{ eventId: 'e1' }, { eventId: 'e2' }, { eventId: 'e3' }],
      before: null,
    })
    const now = await get(`/trips/${id}`)
    for (const [asOf, status, lastEventId] of [
      ['2019-03-01T10:00:00Z', 'requested', 'e1'],
      ['2019-03-01T10:00:01.999Z', 'requested', 'e1'],
      ['2019-03-01T12:00:02+02:00', 'accepted', 'e2'],
      ['2019-03-01T10:00:59.9999999Z', 'accepted', 'e2'],
      ['2019-03-01T10:01:00Z', 'completed', 'e3'],
      ['2100-01-01T00:00:00Z', 'completed', 'e3'],
    ] as const) {
      const was = await get(`/trips/${id}?asOf=${asOf}`)
      expect([was.status, was.type, was.body.status, was.body.lastEventId, was.body.tripId]).toEqual([
        200,
        now.type,
        status,
        lastEventId,
        'trip/é',
      ])
      expect([...Value.Errors(tripSchema, was.body)]).toEqual([])
    }
    expect((await get(`/trips/${id}?asOf=2019-03-01T10:01:00Z`)).body).toEqual(now.body)
    expect((await get(`/trips/${id}?asOf=2100-01-01T00:00:00Z`)).body).toEqual(now.body)
  })

  it('give the same answers after a restart', async () => {
    await start()
    await feed(...ride)
    const before = await get(`/trips/${id}/history`)
    await http.close()
    await app.restart()
    await serve()
    await app.time.until('open again', () => app.instance.state() === 'RUNNING')
    expect(await get(`/trips/${id}/history`)).toEqual(before)
  })

  it('answer 404 for an unknown trip, or a trip that had not begun', async () => {
    await start()
    await feed(...ride)
    for (const path of [
      '/trips/nobody/history',
      '/trips/nobody?asOf=2019-03-01T10:00:00Z',
      `/trips/${id}?asOf=2019-03-01T09:59:59.999Z`,
    ])
      expect([path, await get(path)]).toMatchObject([path, { status: 404, body: { error: { code: 'NOT_FOUND' } } }])
  })

  it('answer 410 with the reason when the events are older than the retention, and still answer what is known since', async () => {
    await start()
    // Two other trips of the same partition let time pass.
    const mates = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].filter(
      (key) => partitionForKey(key, PARTITIONS) === partitionForKey('trip/é', PARTITIONS),
    )
    const [mate = '', other = ''] = mates
    const later = START + 2 * RETENTION_MS
    await feed(...ride, requested(mate, later, { lat: 0, lng: 0 }))
    // One alone may be a wrong clock.
    expect(await get(`/trips/${id}/history`)).toMatchObject({ status: 200 })
    await feed(requested(other, later, { lat: 0, lng: 0 }))
    for (const path of [`/trips/${id}/history`, `/trips/${id}?asOf=2019-03-01T10:00:30Z`]) {
      const message = expect.stringContaining('not kept any more')
      expect([path, await get(path)]).toMatchObject([path, { status: 410, body: { error: { code: 'GONE', message } } }])
    }
    expect(await get(`/trips/${id}?asOf=2019-03-01T10:01:00Z`)).toMatchObject({
      status: 200,
      body: { status: 'completed' },
    })
    expect(await get(`/trips/${mate}/history`)).toMatchObject({ status: 200 })
  })

  it('answer 404 that names PROCESSORS where no history is kept, while /trips/:tripId still works', async () => {
    await start(CORE_PROCESSORS)
    await feed(...ride)
    for (const path of [`/trips/${id}/history`, `/trips/${id}?asOf=2019-03-01T10:00:00Z`]) {
      const { status, body } = await get(path)
      expect([status, JSON.stringify(body)]).toEqual([404, expect.stringContaining('PROCESSORS')])
    }
    expect((await get(`/trips/${id}`)).status).toBe(200)
  })

  it.each(['yesterday', '2019-03-01', '2019-03-01T10:00:00', ''])(
    'answer 400 for an asOf that is not a time: "%s"',
    async (asOf) => {
      await start()
      expect(await get(`/trips/${id}?asOf=${asOf}`)).toMatchObject({
        status: 400,
        body: { error: { code: 'BAD_REQUEST' } },
      })
    },
  )
})
