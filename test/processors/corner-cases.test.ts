import { describe, expect, it } from 'vitest'
import { buildRideTopology } from '../../processors/ride-topology.ts'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { type InputRecord, oracle, revenueDifferences } from '../support/oracle.ts'

const plan = buildRideTopology({ h3Resolution: 9 }).build({ applicationId: 'rides' })
const REQUESTED = {
  passengerId: 'p',
  pickup: { lat: 40.7, lng: -73.9 },
  dropoff: { lat: 40.8, lng: -74, address: 'Broadway 1' },
  estimatedFare: 10,
  vehicleType: 'xl',
}

interface Line {
  readonly type: string
  readonly id: string
  readonly eventId: string
  readonly time: string
  readonly data?: object
  /** Record timestamp, epoch ms. */
  readonly at?: number
}

/** Runs the lines through the app and through the oracle; both must agree, and the app's outputs come back. */
function run(lines: readonly Line[]) {
  const driver = new TopologyTestDriver(plan, { config: { deserializationExceptionHandler: 'dead-letter' } })
  const ends = new Map<string, number>()
  const records = lines.map(({ type, id, eventId, time, data, at = 0 }): InputRecord & { timestamp: number } => {
    const offset = ends.get(type) ?? 0
    ends.set(type, offset + 1)
    const idField = type === 'driver.location.updated' ? { driverId: id } : { tripId: id }
    const envelope = { eventId, eventType: type, eventVersion: '1.0', timestamp: time, data: { ...idField, ...data } }
    const value = Buffer.from(JSON.stringify(envelope))
    return { topic: type, partition: 0, offset, key: Buffer.from(id), value, timestamp: at }
  })
  const expected = oracle(records)
  expect(expected.deadLetters).toEqual([])
  for (const { topic, ...record } of records) driver.pipeInput(topic, record)
  const read = (topic: string) =>
    driver.readOutput(topic).map(({ key, value, timestamp }) => ({
      key: String(key),
      value: JSON.parse(String(value)) as Record<string, unknown>,
      text: String(value),
      timestamp,
    }))
  const outputs = {
    trips: read('trip.state'),
    cells: read('driver.cell.changed'),
    revenue: read('analytics.hourly_revenue'),
  }
  expect(driver.readOutput('rides.dlq')).toEqual([])
  expect(new Map(outputs.trips.map(({ key, value }) => [key, value]))).toEqual(expected.trips)
  expect(outputs.cells.map(({ value }) => value)).toEqual(
    [...expected.cellChanges.values()].flat().map((one) => one.value),
  )
  expect(revenueDifferences(expected, new Map(outputs.revenue.map(({ key, value }) => [key, value])))).toEqual([])
  return outputs
}

const completed = (eventId: string, time: string, data: object, at = 0): Line => ({
  type: 'trip.completed',
  id: 't',
  eventId,
  time,
  data,
  at,
})

describe('records without a time of their own', () => {
  it.each([-1, -5, Number.MIN_SAFE_INTEGER])('are processed at the time of their event: timestamp %d', (at) => {
    const time = '2019-03-01T10:59:59.999Z'
    const { trips, cells, revenue } = run([
      { type: 'trip.requested', id: 't', eventId: 'a', time: '1969-12-31T23:59:59Z', data: REQUESTED, at },
      completed('b', time, { finalFare: 5 }, at),
      { type: 'driver.location.updated', id: 'd', eventId: 'c', time, data: { location: { lat: 1, lng: 2 } }, at },
    ])
    // Kafka has no record timestamps before 1970.
    expect(trips.map(({ timestamp }) => timestamp)).toEqual([0, Date.parse(time)])
    expect([...cells, ...revenue].map(({ timestamp }) => timestamp)).toEqual([Date.parse(time), Date.parse(time)])
  })
})

describe('trips', () => {
  it.each(['a', ' ', '__proto__', 'constructor', 'trip/ü 🚕', 'a'.repeat(1024), '\u0000', '"\\'])(
    'may have the id %j',
    (id) => {
      const { trips } = run([
        {
          type: 'trip.requested',
          id,
          eventId: 'a',
          time: '2019-03-01T10:00Z',
          data: REQUESTED,
        },
        { type: 'trip.started', id, eventId: 'b', time: '2019-03-01T10:05Z' },
      ])
      expect(trips.map(({ value }) => value.tripId)).toEqual([id, id])
    },
  )

  it('with only a completion have a state in which all else is null', () => {
    const { trips } = run([completed('e', '2019-03-01T23:59:59.9999-01:00', { finalFare: 0 })])
    expect(trips[0]?.text).toBe(
      '{"tripId":"t","status":"completed","passengerId":null,"driverId":null,"pickup":null,"dropoff":null,"vehicleType":null,' +
        '"estimatedFare":null,"finalFare":0,"requestedAt":null,"acceptedAt":null,"startedAt":null,' +
        '"completedAt":"2019-03-02T00:59:59.999Z","cancelledAt":null,"updatedAt":"2019-03-02T00:59:59.999Z","lastEventId":"e"}',
    )
  })

  it('cancelled before or after completion are completed', () => {
    const cancel: Line = { type: 'trip.cancelled', id: 't', eventId: 'z', time: '2019-03-01T12:00Z' }
    const done = completed('e', '2019-03-01T11:00Z', { finalFare: 5 })
    for (const lines of [
      [cancel, done],
      [done, cancel],
    ]) {
      const last = run(lines).trips.at(-1)?.value
      expect(last).toMatchObject({ status: 'completed', lastEventId: 'z', cancelledAt: '2019-03-01T12:00:00.000Z' })
    }
  })

  it('take the driver from the furthest event that names one', () => {
    const { trips } = run([
      { type: 'trip.accepted', id: 't', eventId: 'a', time: '2019-03-01T10:00Z', data: { driverId: 'd1' } },
      { type: 'trip.started', id: 't', eventId: 'b', time: '2019-03-01T10:05Z', data: { driverId: 'd2' } },
      completed('c', '2019-03-01T10:20Z', { finalFare: 5 }),
      { type: 'trip.started', id: 't', eventId: 'd', time: '2019-03-01T10:06Z' },
      completed('e', '2019-03-01T10:21Z', { finalFare: 5, driverId: '' }),
      {
        type: 'trip.cancelled',
        id: 't',
        eventId: 'f',
        time: '2019-03-01T10:22Z',
        data: { driverId: 'not a field of it' },
      },
    ])
    expect(trips.map(({ value }) => value.driverId)).toEqual(['d1', 'd2', 'd2', 'd1', '', ''])
  })

  it('order events of one instant by eventId in UTF-16 code units', () => {
    // By code point the order would be the other way round: U+1F600 > U+FB01.
    const { trips } = run([
      completed('😀', '2019-03-01T10:00:00Z', { finalFare: 1 }),
      completed('ﬁ', '2019-03-01T12:00:00+02:00', { finalFare: 2 }),
      completed('Z', '2019-03-01T10:00:00.000000Z', { finalFare: 3 }),
    ])
    expect(trips.at(-1)?.value).toMatchObject({ finalFare: 2, lastEventId: 'ﬁ' })
  })

  it('order events that differ by a nanosecond', () => {
    const { trips } = run([
      completed('a', '2019-03-01T10:00:00.123456789Z', { finalFare: 1 }),
      completed('b', '2019-03-01T10:00:00.12345678Z', { finalFare: 2 }),
      completed('c', '2019-03-01T10:00:00.123Z', { finalFare: 3 }),
    ])
    expect(trips.at(-1)?.value).toMatchObject({ finalFare: 1, updatedAt: '2019-03-01T10:00:00.123Z' })
  })

  it('carry the greatest timestamp of their records', () => {
    const { trips } = run([
      { type: 'trip.accepted', id: 't', eventId: 'a', time: '2019-03-01T10:00Z', data: { driverId: 'd1' }, at: 500 },
      { type: 'trip.started', id: 't', eventId: 'b', time: '2019-03-01T10:05Z', at: 300 },
      completed('c', '2019-03-01T10:20Z', { finalFare: 5 }, 800),
    ])
    expect(trips.map(({ timestamp }) => timestamp)).toEqual([500, 500, 800])
  })
})

describe('revenue', () => {
  const latest = (rows: ReadonlyArray<{ key: string; text: string }>) =>
    Object.fromEntries(rows.map(({ key, text }) => [key, text]))

  it('moves when a correction changes the hour, and leaves zeros there', () => {
    const { revenue } = run([
      completed('a', '2019-03-01T10:30Z', { finalFare: 12.34 }),
      completed('b', '2019-03-01T10:40Z', { finalFare: 12.34, completedAt: '2019-03-01T09:59:59.999999Z' }),
    ])
    expect(latest(revenue)).toEqual({
      '2019-03-01T10:00:00Z': '{"hour":"2019-03-01T10:00:00Z","revenue":0,"trips":0}',
      '2019-03-01T09:00:00Z': '{"hour":"2019-03-01T09:00:00Z","revenue":12.34,"trips":1}',
    })
  })

  it('changes with a correction of the amount, but not with a stale one or a duplicate', () => {
    const first = completed('b', '2019-03-01T10:30Z', { finalFare: 0.1 })
    const { revenue } = run([
      first,
      { ...completed('b2', '2019-03-01T10:31Z', { finalFare: 0.2 }), id: 'other' },
      completed('c', '2019-03-01T10:40Z', { finalFare: 0.7 }),
      completed('a', '2019-03-01T10:29Z', { finalFare: 99 }),
      first,
    ])
    expect(latest(revenue)).toEqual({
      '2019-03-01T10:00:00Z': '{"hour":"2019-03-01T10:00:00Z","revenue":0.9,"trips":2}',
    })
  })

  it('is exact beyond the precision of a double', () => {
    const lines = [0, 1, 2].map(
      (i): Line => ({
        ...completed(`e-${i}`, '2019-03-01T10:30Z', { finalFare: i === 2 ? 0.01 : 8_000_000_000_000.25 }),
        id: `t-${i}`,
      }),
    )
    const thousand = Array.from(
      { length: 12 },
      (_, i): Line => ({
        ...completed(`f-${i}`, '2019-03-01T10:30Z', { finalFare: 8_000_000_000_000.25 }),
        id: `u-${i}`,
      }),
    )
    const { revenue } = run([...lines, ...thousand])
    expect(revenue.at(-1)?.text).toBe('{"hour":"2019-03-01T10:00:00Z","revenue":112000000000003.51,"trips":15}')
  })

  it('counts hours before 1970', () => {
    const { revenue } = run([completed('a', '1969-12-31T23:59:59.999Z', { finalFare: 1 })])
    expect(revenue[0]?.key).toBe('1969-12-31T23:00:00Z')
  })
})

describe('drivers', () => {
  const ping = (eventId: string, time: string, lat: number, extra: object = {}): Line => ({
    type: 'driver.location.updated',
    id: 'd',
    eventId,
    time,
    data: { location: { lat, lng: -73.9 }, ...extra },
  })

  it('are announced once per change of cell, in a chain, whatever arrives late or twice', () => {
    const { cells } = run([
      ping('a', '2019-03-01T10:00:00Z', 40.7, { status: 'available' }),
      ping('b', '2019-03-01T10:00:01Z', 40.7001),
      ping('a', '2019-03-01T10:00:00Z', 40.7, { status: 'available' }),
      ping('c', '2019-03-01T10:00:02Z', 40.9),
      ping('b2', '2019-03-01T10:00:01.999999Z', 10),
      ping('c', '2019-03-01T10:00:02Z', 40.9),
      ping('d', '2019-03-01T10:00:03Z', 40.7, { status: 'offline' }),
    ])
    expect(cells.map(({ value }) => [value.status, value.at])).toEqual([
      ['available', '2019-03-01T10:00:00.000Z'],
      [null, '2019-03-01T10:00:02.000Z'],
      ['offline', '2019-03-01T10:00:03.000Z'],
    ])
  })

  it('with two events of one instant are ordered by eventId', () => {
    const { cells } = run([
      ping('b', '2019-03-01T10:00:00Z', 40.7),
      ping('a', '2019-03-01T10:00:00Z', 41.7),
      ping('c', '2019-03-01T10:00:00Z', 42.7),
    ])
    expect(cells.map(({ value }) => value.lat)).toEqual([40.7, 42.7])
  })

  it('may be on a pole, on the antimeridian, and at minus zero', () => {
    const at = (eventId: string, second: number, lat: number, lng: number): Line => ({
      ...ping(eventId, `2019-03-01T10:00:0${second}Z`, lat),
      data: { location: { lat, lng } },
    })
    run([at('a', 0, 90, 180), at('b', 1, -90, -180), at('c', 2, 0, 180), at('d', 3, 0, -180), at('e', 4, 0, 0)])
  })
})
