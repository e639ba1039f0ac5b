import { describe, expect, it } from 'vitest'
import { ALL_PROCESSORS } from '../../processors/processor-names.ts'
import { buildRideTopology } from '../../processors/ride-topology.ts'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { expectedOffers } from '../support/processor-oracle.ts'
import { Random } from '../support/random.ts'
import { driverAt, requested, rideEvent } from '../support/ride-events.ts'
import type { RideInputRecord } from '../support/ride-input.ts'

const AT = Date.UTC(2025, 9, 29, 10)
const HERE = { lat: 40.75, lng: -73.98 }
/** So many metres north of the pickup. */
const north = (meters: number) => ({ lat: HERE.lat + meters / 111_195.08, lng: HERE.lng })

function offers(records: readonly RideInputRecord[], driverTtlMs = 300_000): { tripId: string; drivers: string[] }[] {
  const topology = buildRideTopology({ h3Resolution: 9, processors: ALL_PROCESSORS, driverTtlMs })
  const driver = new TopologyTestDriver(topology.build({ applicationId: 'rides' }))
  for (const { topic, key, value, timestamp } of records) driver.pipeInput(topic, { key, value, timestamp })
  return driver.readOutput('trip.offers').map(({ value }) => {
    const { tripId, offers } = JSON.parse(String(value)) as { tripId: string; offers: { driverId: string }[] }
    return { tripId, drivers: offers.map(({ driverId }) => driverId) }
  })
}

/** The drivers offered to a request at AT after these records. */
const offered = (...records: RideInputRecord[]) => offers([...records, requested('t', AT, HERE)])[0]?.drivers

describe('trip.offers', () => {
  it('has the request and each driver with distance and position', () => {
    const driver = new TopologyTestDriver(
      buildRideTopology({ h3Resolution: 9, processors: ALL_PROCESSORS }).build({ applicationId: 'rides' }),
    )
    const pickup = { ...HERE, address: 'Broadway 1' }
    for (const { topic, key, value, timestamp } of [
      driverAt('d', AT - 1000, north(1000)),
      requested('t', AT, pickup, { correlationId: 'corr-1' }),
    ])
      driver.pipeInput(topic, { key, value, timestamp: timestamp + 7 })
    const [offer, ...more] = driver.readOutput('trip.offers')
    expect(more).toEqual([])
    expect(offer).toMatchObject({ key: Buffer.from('t'), timestamp: AT + 7 })
    expect([...(offer?.headers ?? [])].map(({ key, value }) => `${key}: ${value}`)).toEqual([
      'event-type: trip.offers',
      'event-version: 1.0',
      'correlation-id: corr-1',
    ])
    expect(JSON.parse(String(offer?.value))).toEqual({
      tripId: 't',
      requestedAt: '2025-10-29T10:00:00.000Z',
      pickup,
      offers: [{ driverId: 'd', distanceMeters: expect.closeTo(1000, 2), ...north(1000) }],
    })
  })

  it('lists the nearest drivers first, ties by driverId, ten at most', () => {
    const ring = Array.from({ length: 12 }, (_, i) => driverAt(`d-${i}`, AT, north(100 * (12 - i))))
    expect(offered(...ring)).toEqual(['d-11', 'd-10', 'd-9', 'd-8', 'd-7', 'd-6', 'd-5', 'd-4', 'd-3', 'd-2'])
    expect(offered(driverAt('ü', AT, north(5)), driverAt('b', AT, north(5)), driverAt('a', AT, north(5)))).toEqual([
      'a',
      'b',
      'ü',
    ])
  })

  it('has no driver beyond five kilometres', () => {
    expect(offered(driverAt('in', AT, north(4999.9)), driverAt('out', AT, north(5000.1)))).toEqual(['in'])
  })

  it('lists only available drivers, at their last position', () => {
    expect(
      offered(
        driverAt('busy', AT, north(10), 'on_trip'),
        driverAt('silent about it', AT, north(10), ''),
        driverAt('went offline', AT - 2, north(10)),
        driverAt('went offline', AT - 1, north(10), 'offline'),
        driverAt('drove away', AT - 2, north(10)),
        driverAt('drove away', AT - 1, north(9000)),
        driverAt('drove here', AT - 2, north(9000)),
        driverAt('drove here', AT - 1, north(20)),
        driverAt('stale', AT - 1, north(30)),
        driverAt('stale', AT - 2, north(9000), 'offline'),
      ),
    ).toEqual(['drove here', 'stale'])
  })

  it('omits drivers silent for longer than the limit before the request', () => {
    const records = [driverAt('in', AT - 300_000, north(10)), driverAt('out', AT - 300_001, north(10))]
    expect(offered(...records)).toEqual(['in'])
    expect(offers([...records, requested('t', AT, HERE)], 0)[0]?.drivers).toEqual(['in', 'out'])
  })

  it('finds the nearest of many drivers across the borders of cells and areas', () => {
    const random = new Random(3)
    const anywhere = () => ({ lat: 40.7 + random.next() * 0.1, lng: -74 + random.next() * 0.1 })
    const records = Array.from({ length: 1500 }, (_, i) => driverAt(`d-${random.below(1000)}`, AT + i, anywhere()))
    const requests = Array.from({ length: 40 }, (_, i) => requested(`t-${i}`, AT, anywhere()))
    const expected = expectedOffers([...records, ...requests])
    expect(offers([...records, ...requests])).toEqual(
      expected.map(({ tripId, offers: all }) => ({ tripId, drivers: all.map(({ driverId }) => driverId) })),
    )
    expect(expected.every(({ offers: all }) => all.length === 10)).toBe(true)
  })

  it('keeps the other drivers when one clock is ahead', () => {
    expect(offered(driverAt('d', AT, north(10)), driverAt('ahead', AT + 86_400_000, north(9000)))).toEqual(['d'])
  })

  it('is made once per request: not for redelivered or stale ones, again for a greater one, and also without drivers', () => {
    const request = requested('t', AT, HERE)
    const greater = requested('t', AT + 1000, north(50_000))
    expect(
      offers([
        driverAt('d', AT, north(10)),
        rideEvent('trip.accepted', 't', AT + 5, { driverId: 'd' }),
        request,
        request,
        requested('t', AT - 1, HERE),
        greater,
        request,
        greater,
      ]),
    ).toEqual([
      { tripId: 't', drivers: ['d'] },
      { tripId: 't', drivers: [] },
    ])
  })
})
