import { latLngToCell } from 'h3-js'
import { expect, it } from 'vitest'
import type { ReadRecord } from '../support/kafkajs.ts'
import { differencesFromOracle } from './judge.ts'

const APP = 'judged'
const DRIVER = 'driver.location.updated'

function record(topic: string, offset: number, key: string, value: unknown, headers = {}): ReadRecord {
  const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.from(JSON.stringify(value))
  const timestamp = String(1000 + offset)
  return {
    topic,
    partition: 0,
    offset: String(offset),
    timestamp,
    attributes: 0,
    key: Buffer.from(key),
    value: bytes,
    headers,
  }
}

function event(type: string, id: string, at: string, data: Record<string, unknown>): unknown {
  return {
    eventId: `${type}-${at}`,
    eventType: type,
    eventVersion: '1.0',
    timestamp: at,
    data: { ...data, ...id_(type, id) },
  }
}

const id_ = (type: string, id: string) => (type === DRIVER ? { driverId: id } : { tripId: id })

const INPUT = [
  record(DRIVER, 0, 'd', event(DRIVER, 'd', '2025-10-29T10:00:00Z', { location: { lat: 40.7, lng: -73.9 } })),
  record(DRIVER, 1, 'd', event(DRIVER, 'd', '2025-10-29T10:00:01Z', { location: { lat: 40.8, lng: -73.9 } })),
  record(DRIVER, 2, 'd', 'no event'),
  record('trip.completed', 0, 't', event('trip.completed', 't', '2025-10-29T10:00:02Z', { finalFare: 12.5 })),
]

const CELL_A = latLngToCell(40.7, -73.9, 9)
const CELL_B = latLngToCell(40.8, -73.9, 9)
const change = (cell: string, previousCell: string | null, lat: number, at: string) => ({
  driverId: 'd',
  cell,
  previousCell,
  lat,
  lng: -73.9,
  status: null,
  at,
})
const NONE = { passengerId: null, driverId: null, pickup: null, dropoff: null, vehicleType: null, estimatedFare: null }
const TRIP = {
  tripId: 't',
  status: 'completed',
  ...NONE,
  finalFare: 12.5,
  requestedAt: null,
  acceptedAt: null,
  startedAt: null,
  completedAt: '2025-10-29T10:00:02.000Z',
  cancelledAt: null,
  updatedAt: '2025-10-29T10:00:02.000Z',
  lastEventId: 'trip.completed-2025-10-29T10:00:02Z',
}
const HOUR = { hour: '2025-10-29T10:00:00Z', revenue: 12.5, trips: 1 }
const DEAD_HEADERS = {
  '__streams.errors.topic': DRIVER,
  '__streams.errors.partition': '0',
  '__streams.errors.offset': '2',
}
const OUTPUTS = [
  record('driver.cell.changed', 0, 'd', change(CELL_A, null, 40.7, '2025-10-29T10:00:00.000Z')),
  record('driver.cell.changed', 1, 'd', change(CELL_B, CELL_A, 40.8, '2025-10-29T10:00:01.000Z')),
  record(`${APP}.dlq`, 0, 'd', 'no event', DEAD_HEADERS),
  record('trip.state', 0, 't', TRIP),
  record('analytics.hourly_revenue', 0, HOUR.hour, HOUR),
]

const judge = (outputs: readonly ReadRecord[]) =>
  differencesFromOracle({ applicationId: APP, input: INPUT, outputs }).map(({ kind, count, cause }) => [
    kind,
    count,
    cause === null ? null : `${cause.topic}@${cause.offset}`,
  ])

it('finds nothing when every output is there once', () => {
  expect(judge(OUTPUTS)).toEqual([])
})

it('names each missing output and its input', () => {
  const without = (index: number) => OUTPUTS.filter((_, i) => i !== index)
  expect(judge(without(1))).toEqual([['lost', 1, `${DRIVER}@1`]])
  expect(judge(without(2))).toEqual([['lost', 1, `${DRIVER}@2`]])
  expect(judge(without(3))).toEqual([['lost', 1, 'trip.completed@0']])
  expect(judge(without(4))).toEqual([['lost', 1, null]])
})

it('counts an additional output as a duplicate', () => {
  const twice = (index: number) => [...OUTPUTS, OUTPUTS[index] as ReadRecord]
  expect(judge(twice(0))).toEqual([['duplicated', 1, `${DRIVER}@0`]])
  expect(judge(twice(2))).toEqual([['duplicated', 1, `${DRIVER}@2`]])
  const doubled = record('analytics.hourly_revenue', 1, HOUR.hour, { ...HOUR, revenue: 25, trips: 2 })
  expect(judge([...OUTPUTS, doubled])).toEqual([['duplicated', 1, null]])
})

it('distinguishes wrong values, wrong order and states that go back from lost outputs', () => {
  const [first, second, ...rest] = OUTPUTS as [ReadRecord, ReadRecord, ...ReadRecord[]]
  expect(judge([second, first, ...rest])).toEqual([['wrong', 1, `${DRIVER}@2`]])
  const cents = record('analytics.hourly_revenue', 1, HOUR.hour, { ...HOUR, revenue: 12.51 })
  expect(judge([...OUTPUTS, cents])).toEqual([['wrong', 1, null]])
  const ahead = record('trip.state', 0, 't', { ...TRIP, updatedAt: '2025-10-29T11:00:00.000Z' })
  expect(judge([ahead, ...OUTPUTS])).toEqual([['wrong', 1, 'trip.completed@0']])
})
