import { describe, expect, it } from 'vitest'
import { type DriverCell, driverCellSerde, driverView } from '../../processors/driver-cells/driver-cells.ts'
import { ALL_PROCESSORS, CORE_PROCESSORS, type ProcessorName } from '../../processors/processor-names.ts'
import { partitionsOf, rideTopics } from '../../processors/ride-topics.ts'
import { buildRideTopology } from '../../processors/ride-topology.ts'
import { type Trip, tripStateOf } from '../../processors/trip-state/trip-state.ts'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import type { Headers } from '../../state/ports/headers.ts'
import type { KeyValueStore, TimestampedKeyValueStore } from '../../state/ports/stores.ts'
import { deadLetterTopic } from '../../topology/index.ts'
import { type InputRecord, oracle, revenueDifferences } from '../support/oracle.ts'
import { rideInput } from '../support/ride-input.ts'

const plan = buildRideTopology({ h3Resolution: 9 }).build({ applicationId: 'rides' })
const parse = (bytes: Buffer | null) => JSON.parse(String(bytes)) as Record<string, unknown>
const texts = (headers: Headers) => [...headers].map(({ key, value }) => `${key}: ${value}`)
const json = (value: unknown) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>

describe('the app under 4,000 nasty records', () => {
  // One partition per topic; offsets count per topic, as the driver does.
  const ends = new Map<string, number>()
  const records = rideInput({ seed: 21, count: 4000 }).map((record): InputRecord & { timestamp: number } => {
    const offset = ends.get(record.topic) ?? 0
    ends.set(record.topic, offset + 1)
    return { ...record, partition: 0, offset }
  })
  const expected = oracle(records)
  const driver = new TopologyTestDriver(plan, { config: { deserializationExceptionHandler: 'dead-letter' } })
  for (const { topic, key, value, timestamp } of records) driver.pipeInput(topic, { key, value, timestamp })
  const output = (topic: string) => driver.readOutput(topic)
  const tripStates = output('trip.state')
  const cellChanges = output('driver.cell.changed')
  const revenue = output('analytics.hourly_revenue')
  const dead = output(deadLetterTopic('rides'))

  it('writes the latest state of every trip', () => {
    const latest = new Map(tripStates.map(({ key, value }) => [String(key), parse(value)]))
    expect(latest).toEqual(expected.trips)
    for (const { key, value } of tripStates) expect(parse(value).tripId).toBe(String(key))
  })

  it('writes every change of cell in order, each caused by the right record', () => {
    const actual = new Map<string, unknown[]>()
    for (const { key, value, timestamp, headers } of cellChanges) {
      const correlation = texts(headers).find((text) => text.startsWith('correlation-id: '))
      const correlationId = correlation?.slice('correlation-id: '.length) ?? null
      const changes = actual.get(String(key)) ?? []
      actual.set(String(key), [...changes, { value: parse(value), correlationId, timestamp }])
    }
    expect(actual).toEqual(expected.cellChanges)
  })

  it('writes the revenue of every hour, with zeros for emptied hours', () => {
    const latest = new Map(revenue.map(({ key, value }) => [String(key), parse(value)]))
    expect(revenueDifferences(expected, latest)).toEqual([])
    for (const hour of latest.keys()) expect(expected.revenue.has(hour) || expected.emptyHours.has(hour)).toBe(true)
    expect([...latest.values()].some((row) => row.trips === 0)).toBe(expected.emptyHours.size > 0)
  })

  it('writes exactly the invalid records to the dead letter topic', () => {
    const place = (headers: Headers) => {
      const all = new Map([...headers].map(({ key, value }) => [key, String(value)]))
      const [topic, offset] = ['topic', 'offset'].map((name) => all.get(`__streams.errors.${name}`))
      return `${topic} ${offset}`
    }
    expect(dead.map(({ headers }) => place(headers)).sort()).toEqual(
      expected.deadLetters.map(({ topic, offset }) => `${topic} ${offset}`).sort(),
    )
  })

  it('sets its own headers on every output', () => {
    for (const [topic, all] of [
      ['trip.state', tripStates],
      ['driver.cell.changed', cellChanges],
      ['analytics.hourly_revenue', revenue],
    ] as const) {
      const own = [`event-type: ${topic}`, 'event-version: 1.0']
      expect(all.map(({ headers }) => texts(headers).slice(0, 2))).toEqual(all.map(() => own))
      const correlated = all.map(({ headers }) => texts(headers).slice(2)).filter((more) => more.length > 0)
      expect([topic, correlated.length > 0]).toEqual([topic, true])
      expect(correlated).toEqual(correlated.map(() => [expect.stringMatching(/^correlation-id: corr-/)]))
    }
  })

  it('keeps the rows in its stores that queries need', () => {
    const trips = driver.store<TimestampedKeyValueStore<string, Trip>>('trip-state')
    for (const [id, state] of expected.trips) {
      const row = trips.get(id)
      expect(row === null ? null : json(tripStateOf(id, row.value))).toEqual(state)
    }
    const drivers = driver.store<KeyValueStore<string, DriverCell>>('driver-cells')
    for (const [id, view] of expected.drivers) {
      const row = drivers.get(id)
      expect(row === null ? null : json(driverView(id, row))).toEqual(view)
    }
  })
})

describe('the plan', () => {
  it('keeps the names of internal topics and stores', () => {
    expect(plan.internalTopics.map((topic) => topic.name).sort()).toEqual([
      'rides-driver-cells-changelog',
      'rides-hourly-revenue-changelog',
      'rides-hourly-revenue-repartition',
      'rides-trip-state-changelog',
    ])
    const stores = plan.subtopologies.flatMap((subtopology) => subtopology.stores.map(({ spec }) => spec.name))
    expect(stores.sort()).toEqual(['driver-cells', 'hourly-revenue', 'trip-state'])
  })

  it('demands that the trip topics have the same number of partitions', () => {
    expect(plan.subtopologies.flatMap((subtopology) => subtopology.copartitionGroups)).toEqual([
      ['trip.requested', 'trip.accepted', 'trip.started', 'trip.completed', 'trip.cancelled'],
    ])
  })
})

describe('a driver stored at another resolution', () => {
  it('gets its new cell although it did not move', () => {
    const value = (n: number) =>
      Buffer.from(
        JSON.stringify({
          eventId: `e-${n}`,
          eventType: 'driver.location.updated',
          eventVersion: '1.0',
          timestamp: `2019-03-01T10:00:0${n}Z`,
          data: { driverId: 'd', location: { lat: 40.7, lng: -73.9 } },
        }),
      )
    const coarse = new TopologyTestDriver(buildRideTopology({ h3Resolution: 7 }).build({ applicationId: 'rides' }))
    const drivers = coarse.store<KeyValueStore<string, DriverCell>>('driver-cells')
    const stored = { at: 0, sub: '', eventId: 'e-0', cell: '892a1008ba7ffff', lat: 40.7, lng: -73.9, status: null }
    drivers.put('d', driverCellSerde.deserialize('', Buffer.from(driverCellSerde.serialize('', stored))))
    for (const n of [1, 2])
      coarse.pipeInput('driver.location.updated', { key: Buffer.from('d'), value: value(n), timestamp: n })
    const changes = coarse.readOutput('driver.cell.changed').map((record) => parse(record.value))
    expect(changes).toHaveLength(1)
    expect(changes[0]).toMatchObject({ previousCell: '892a1008ba7ffff', cell: expect.stringMatching(/^87/) })
  })
})

describe('the table of topics', () => {
  const topics = rideTopics({ applicationId: 'rides', outputRetentionMs: 604_800_000 })

  it('equals the table in docs/topics.md', () => {
    expect(
      topics.map((topic) => [
        topic.name,
        partitionsOf(topic, topics, new Map()),
        topic.config['cleanup.policy'],
        topic.config['retention.ms'],
      ]),
    ).toEqual([
      ['trip.requested', 3, 'delete', '86400000'],
      ['trip.accepted', 3, 'delete', '86400000'],
      ['trip.started', 3, 'delete', '86400000'],
      ['trip.completed', 3, 'delete', '604800000'],
      ['trip.cancelled', 3, 'delete', '86400000'],
      ['driver.location.updated', 6, 'delete', '3600000'],
      ['trip.state', 3, 'compact', undefined],
      ['driver.cell.changed', 6, 'delete', '604800000'],
      ['analytics.hourly_revenue', 3, 'compact', undefined],
      ['trip.offers', 3, 'delete', '604800000'],
      ['analytics.cell_demand', 3, 'delete', '604800000'],
      ['analytics.trip_funnel', 3, 'compact', undefined],
      ['driver.earnings', 6, 'compact', undefined],
      ['rides.dlq', 3, 'delete', '1209600000'],
    ])
  })

  it('gives outputs the partition counts found in the cluster', () => {
    const existing = new Map([
      ['trip.requested', 12],
      ['driver.location.updated', 1],
      ['analytics.hourly_revenue', 5],
    ])
    const counts = new Map(topics.map((topic) => [topic.name, partitionsOf(topic, topics, existing)]))
    expect([
      counts.get('trip.state'),
      counts.get('driver.cell.changed'),
      counts.get('analytics.hourly_revenue'),
    ]).toEqual([12, 1, 5])
  })
})

it.each<[names: readonly ProcessorName[], clocked: readonly string[]]>([
  [CORE_PROCESSORS, []],
  [[...CORE_PROCESSORS, 'cell-demand'], ['cell-demand-repartition-source']],
  [[...CORE_PROCESSORS, 'trip-offers', 'trip-history'], ['trip-events']],
  [ALL_PROCESSORS, ['cell-demand-repartition-source', 'trip-events']],
])('only sources whose stream time is used have device clocks: %j', (processors, clocked) => {
  const { subtopologies } = buildRideTopology({ h3Resolution: 9, processors }).build({ applicationId: 'rides' })
  const nodes = subtopologies.flatMap((subtopology) => subtopology.nodes)
  const sources = nodes.filter((node) => node.type === 'source' && node.deviceClock !== undefined)
  expect(sources.map(({ name }) => name).sort()).toEqual(clocked)
})
