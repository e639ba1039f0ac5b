import { latLngToCell } from 'h3-js'
import { describe, expect, it } from 'vitest'
import { ALL_PROCESSORS, CORE_PROCESSORS, type ProcessorName } from '../../processors/processor-names.ts'
import { buildRideTopology } from '../../processors/ride-topology.ts'
import { funnelParts } from '../../processors/trip-funnel/funnel-parts.ts'
import { addToFunnel, EMPTY_FUNNEL, funnelSerde, tripFunnelOf } from '../../processors/trip-funnel/trip-funnel.ts'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { completed, requested, rideEvent } from '../support/ride-events.ts'
import type { RideInputRecord } from '../support/ride-input.ts'

const AT = Date.UTC(2025, 9, 29, 10)
const MINUTE = 60_000
const HERE = { lat: 40.75, lng: -73.98 }
const CELL = latLngToCell(HERE.lat, HERE.lng, 7)
const THERE = { lat: 40.85, lng: -73.98 }
const OTHER_CELL = latLngToCell(THERE.lat, THERE.lng, 7)

class Rides {
  readonly driver = new TopologyTestDriver(
    buildRideTopology({ h3Resolution: 9, processors: ALL_PROCESSORS }).build({ applicationId: 'rides' }),
  )

  send(...records: RideInputRecord[]): this {
    for (const { topic, key, value, timestamp } of records) this.driver.pipeInput(topic, { key, value, timestamp })
    return this
  }

  /** Windows that are over close. */
  settle(): this {
    for (let twice = 0; twice < 2; twice++) this.driver.advanceWallClockTime(10_000)
    return this
  }

  /** `[key, value]` of each record since the last call. */
  rows(topic: string): unknown[] {
    return this.driver.readOutput(topic).map(({ key, value }) => [String(key), JSON.parse(String(value))])
  }

  late(): number {
    return new Map(this.driver.metrics.dropped.entries()).get('late') ?? 0
  }
}

describe('analytics.cell_demand', () => {
  const row = (cell: string, start: string, end: string, requests: number, completions: number) => [
    `${cell}@2025-10-29T${start}:00Z`,
    { cell, windowStart: `2025-10-29T${start}:00Z`, windowEnd: `2025-10-29T${end}:00Z`, requests, completions },
  ]

  /** Two trips say what time it is: one alone may have a wrong clock. */
  const later = (at: number) => [requested(`y-${at}`, at, HERE), requested(`z-${at}`, at, HERE)]

  it('counts requests and completions per cell and window, and is sent when the window and its grace are over', () => {
    const rides = new Rides().send(
      requested('a', AT, HERE),
      requested('b', AT + 5 * MINUTE - 1, HERE),
      requested('c', AT + 5 * MINUTE, HERE),
      requested('d', AT, THERE),
      completed('a', AT + 3 * MINUTE),
      requested('z', AT + 15 * MINUTE - 20_001, HERE),
    )
    expect(rides.settle().rows('analytics.cell_demand')).toEqual([])
    rides.send(...later(AT + 15 * MINUTE))
    expect(rides.rows('analytics.cell_demand')).toEqual([])
    rides.settle()
    expect(rides.rows('analytics.cell_demand')).toEqual(
      [row(CELL, '10:00', '10:05', 2, 1), row(OTHER_CELL, '10:00', '10:05', 1, 0)].sort(),
    )
  })

  it('counts a completion in the cell of the request, at the time of its event, also when it comes first', () => {
    const rides = new Rides().send(
      completed('a', AT + 12 * MINUTE, { completedAt: new Date(AT).toISOString() }),
      requested('a', AT + MINUTE, HERE),
      completed('never requested', AT),
      ...later(AT + 30 * MINUTE),
    )
    expect(rides.settle().rows('analytics.cell_demand')).toEqual([
      row(CELL, '10:00', '10:05', 1, 0),
      row(CELL, '10:10', '10:15', 0, 1),
    ])
  })

  it('ignores duplicates, and a correction moves what it corrects', () => {
    const request = requested('a', AT, HERE)
    const completion = completed('a', AT + MINUTE)
    const rides = new Rides().send(request, request, completion, completion, requested('a', AT + 6 * MINUTE, THERE))
    rides.send(request, ...later(AT + 60 * MINUTE))
    expect(rides.settle().rows('analytics.cell_demand')).toEqual([
      row(OTHER_CELL, '10:00', '10:05', 0, 1),
      row(OTHER_CELL, '10:05', '10:10', 1, 0),
    ])
  })

  it('drops and counts events that come after the grace', () => {
    const rides = new Rides().send(requested('a', AT, HERE), ...later(AT + 15 * MINUTE))
    expect(rides.settle().rows('analytics.cell_demand')).toEqual([row(CELL, '10:00', '10:05', 1, 0)])
    rides.send(requested('b', AT, HERE), requested('c', AT + 5 * MINUTE, HERE))
    expect(rides.late()).toBe(1)
    rides.send(...later(AT + 20 * MINUTE))
    expect(rides.settle().rows('analytics.cell_demand')).toEqual([row(CELL, '10:05', '10:10', 1, 0)])
  })

  it('accepts late events that arrive within seconds of each other: partitions catch up one after the other', () => {
    const rides = new Rides().send(...later(AT + 24 * 60 * MINUTE), requested('a', AT, HERE))
    expect(rides.settle().rows('analytics.cell_demand')).toEqual([row(CELL, '10:00', '10:05', 1, 0)])
    expect(rides.late()).toBe(0)
  })

  it('closes windows on a quiet partition by the clock', () => {
    const rides = new Rides().send(requested('a', AT, HERE))
    rides.driver.advanceWallClockTime(15 * MINUTE - 1)
    expect(rides.rows('analytics.cell_demand')).toEqual([])
    rides.driver.advanceWallClockTime(1)
    expect(rides.rows('analytics.cell_demand')).toEqual([row(CELL, '10:00', '10:05', 1, 0)])
  })

  it('closes windows on a quiet partition from the time that two devices agree on: one fast clock closes nothing', () => {
    const rides = new Rides().send(
      requested('a', AT, HERE),
      requested('b', AT, HERE),
      requested('ahead', AT + 60 * MINUTE, HERE),
    )
    rides.driver.advanceWallClockTime(10 * MINUTE)
    // The clock moves on from there past what was sent in the meantime.
    rides.send(requested('ahead', AT + 61 * MINUTE, HERE))
    rides.driver.advanceWallClockTime(5 * MINUTE - 1)
    expect(rides.rows('analytics.cell_demand')).toEqual([])
    rides.driver.advanceWallClockTime(1)
    expect(rides.rows('analytics.cell_demand')).toEqual([row(CELL, '10:00', '10:05', 2, 0)])
    rides.send(requested('c', AT + 6 * MINUTE, HERE))
    expect(rides.late()).toBe(0)
  })

  it('drops events from before 1970, for which Kafka has no timestamps', () => {
    const before = { ...requested('a', -1, HERE), timestamp: AT }
    const rides = new Rides().send(before)
    expect([...rides.driver.metrics.dropped.entries()]).toEqual([['negative-timestamp', 1]])
  })
})

describe('analytics.trip_funnel', () => {
  it('counts the stages of the trips requested in an hour, and their seconds to accept', () => {
    const rides = new Rides()
    const trip = (id: string, waitMs: number) => [
      requested(id, AT, HERE),
      rideEvent('trip.accepted', id, AT + waitMs, { driverId: 'd' }),
    ]
    rides.send(
      ...trip('a', 1000),
      ...trip('b', 2500),
      ...trip('c', 90_000),
      requested('d', AT + 60 * MINUTE - 1, HERE),
      rideEvent('trip.started', 'a', AT + 2000, {}),
      completed('a', AT + 120 * MINUTE),
      rideEvent('trip.cancelled', 'd', AT + 120 * MINUTE, {}),
      rideEvent('trip.accepted', 'never requested', AT, { driverId: 'd' }),
    )
    expect(rides.rows('analytics.trip_funnel').at(-1)).toEqual([
      '2025-10-29T10:00:00Z',
      {
        hour: '2025-10-29T10:00:00Z',
        requested: 4,
        accepted: 3,
        started: 1,
        completed: 1,
        cancelled: 1,
        medianSecondsToAccept: 2.5,
        p95SecondsToAccept: 90,
      },
    ])
  })

  it('moves a trip to the hour of its corrected request, and leaves a row of zeros', () => {
    const rides = new Rides().send(
      requested('a', AT, HERE),
      rideEvent('trip.accepted', 'a', AT + 61 * MINUTE, { driverId: 'd' }),
    )
    rides.rows('analytics.trip_funnel')
    rides.send(requested('a', AT + 60 * MINUTE, HERE))
    const stages = { started: 0, completed: 0, cancelled: 0 }
    const nothing = { requested: 0, accepted: 0, medianSecondsToAccept: null, p95SecondsToAccept: null }
    const one = { requested: 1, accepted: 1, medianSecondsToAccept: 60, p95SecondsToAccept: 60 }
    expect(rides.rows('analytics.trip_funnel')).toEqual([
      ['2025-10-29T10:00:00Z', { hour: '2025-10-29T10:00:00Z', ...stages, ...nothing }],
      ['2025-10-29T11:00:00Z', { hour: '2025-10-29T11:00:00Z', ...stages, ...one }],
    ])
  })

  it.each([
    [1, 1, 1],
    [2, 1, 2],
    [19, 10, 19],
    [20, 10, 19],
    [21, 11, 20],
    [100, 50, 95],
  ])('computes for %i waits the ranks %i and %i', (count, median, p95) => {
    let funnel = EMPTY_FUNNEL
    for (let i = count; i > 0; i--)
      funnel = addToFunnel(funnel, { ...funnelParts.none(), requested: 1, accepted: 1, gained: [i * 1000] })
    const stored = funnelSerde.deserialize('', Buffer.from(funnelSerde.serialize('', funnel)))
    expect(stored).toEqual(funnel)
    expect(tripFunnelOf('h', stored)).toMatchObject({ medianSecondsToAccept: median, p95SecondsToAccept: p95 })
  })
})

describe('driver.earnings', () => {
  it('adds up the fares per driver and UTC day to the cent, whichever event names the driver', () => {
    const rides = new Rides().send(
      completed('a', AT, { driverId: 'd|1', finalFare: 0.1 }),
      rideEvent('trip.accepted', 'b', AT, { driverId: 'd|1' }),
      completed('b', AT + 14 * 60 * MINUTE - 1, { finalFare: 0.2 }),
      completed('c', AT + 14 * 60 * MINUTE, { driverId: 'd|1', finalFare: 5 }),
      completed('driven by nobody', AT, { finalFare: 7 }),
    )
    expect(rides.rows('driver.earnings')).toEqual([
      ['d|1|2025-10-29', { driverId: 'd|1', day: '2025-10-29', earnings: 0.1, trips: 1 }],
      ['d|1|2025-10-29', { driverId: 'd|1', day: '2025-10-29', earnings: 0.3, trips: 2 }],
      ['d|1|2025-10-30', { driverId: 'd|1', day: '2025-10-30', earnings: 5, trips: 1 }],
    ])
  })

  it('moves money when a correction names another driver, day or fare', () => {
    const rides = new Rides().send(completed('a', AT, { driverId: 'd', finalFare: 8 }))
    rides.rows('driver.earnings')
    rides.send(completed('a', AT + 1, { driverId: 'e', finalFare: 9, completedAt: '2025-10-28T23:30:00-00:30' }))
    expect(rides.rows('driver.earnings')).toEqual([
      ['d|2025-10-29', { driverId: 'd', day: '2025-10-29', earnings: 0, trips: 0 }],
      ['e|2025-10-29', { driverId: 'e', day: '2025-10-29', earnings: 9, trips: 1 }],
    ])
  })
})

describe('the selection of processors', () => {
  const describeOf = (processors: readonly ProcessorName[]) =>
    buildRideTopology({ h3Resolution: 9, processors }).describe()

  it('leaves the core processors unchanged when they run alone', async () => {
    await expect(`${JSON.stringify(describeOf(CORE_PROCESSORS), null, 2)}\n`).toMatchFileSnapshot(
      '../topology/golden/core-processors.golden.json',
    )
  })

  it('can describe all of them', async () => {
    await expect(`${describeOf(ALL_PROCESSORS)}`).toMatchFileSnapshot('../topology/golden/all-processors.golden.txt')
  })

  it('never renumbers or renames the nodes of the core processors', () => {
    const parts = (processors: readonly ProcessorName[]) =>
      buildRideTopology({ h3Resolution: 9, processors })
        .build({ applicationId: 'a' })
        .subtopologies.map(({ id, sourceTopics, stores }) => ({
          id,
          sourceTopics,
          stores: stores.map((s) => s.changelogTopic),
        }))
    // trip-offers asks the tasks of drivers, so they have one more source then.
    const core = parts(CORE_PROCESSORS).map((part) => ({
      ...part,
      sourceTopics: expect.arrayContaining([...part.sourceTopics]) as unknown,
      stores: expect.arrayContaining(part.stores) as unknown,
    }))
    for (const more of [ALL_PROCESSORS, ...ALL_PROCESSORS.map((name) => [...CORE_PROCESSORS, name])])
      expect(parts(more).slice(0, 3)).toEqual(core)
  })

  it('builds any selection with what it needs, and refuses others', () => {
    for (const name of ALL_PROCESSORS.filter((one) => one !== 'driver-cells' && one !== 'trip-offers'))
      expect(describeOf([...new Set<ProcessorName>(['trip-state', name])]).toString()).toContain('trip-state')
    expect(describeOf(['driver-cells']).toString()).not.toContain('trip')
    expect(() => describeOf(['trip-funnel'])).toThrow('"trip-funnel" needs "trip-state", which is not in the list')
  })
})
