import { describe, expect, it } from 'vitest'
import { ALL_PROCESSORS } from '../../processors/processor-names.ts'
import { buildRideTopology } from '../../processors/ride-topology.ts'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import type { Headers } from '../../state/ports/headers.ts'
import type { Json } from '../support/oracle.ts'
import { expectedDemand, expectedOffers, expectedTables } from '../support/processor-oracle.ts'
import { Random } from '../support/random.ts'
import { completed, requested } from '../support/ride-events.ts'
import { type RideInputRecord, rideInput } from '../support/ride-input.ts'

const plan = buildRideTopology({ h3Resolution: 9, processors: ALL_PROCESSORS }).build({ applicationId: 'rides' })
const parse = (value: Buffer | null) => JSON.parse(String(value)) as Json
const texts = (headers: Headers) => [...headers].map(({ key, value }) => `${key}: ${value}`)

/** Behind the records with the numbers given, time passes and windows close. */
function run(records: readonly RideInputRecord[], closings: ReadonlySet<number> = new Set()): TopologyTestDriver {
  const driver = new TopologyTestDriver(plan, { config: { deserializationExceptionHandler: 'dead-letter' } })
  for (const [i, { topic, key, value, timestamp }] of records.entries()) {
    driver.pipeInput(topic, { key, value, timestamp })
    if (closings.has(i)) for (let twice = 0; twice < 2; twice++) driver.advanceWallClockTime(10_000)
  }
  return driver
}

function latest(driver: TopologyTestDriver, topic: string): Map<string, Json> {
  return new Map(driver.readOutput(topic).map(({ key, value }) => [String(key), parse(value)]))
}

/** Rows that count nothing stay where a correction moved everything away. */
function filled(rows: ReadonlyMap<string, Json>, count: string): Map<string, Json> {
  return new Map([...rows].filter(([, row]) => row[count] !== 0))
}

function lateOf(driver: TopologyTestDriver): number {
  return new Map(driver.metrics.dropped.entries()).get('late') ?? 0
}

/** Everything in windows of the far past is final. */
function closeWindows(driver: TopologyTestDriver): void {
  driver.advanceWallClockTime(8 * 3_600_000)
}

describe.each([1, 2])('under 3,000 nasty records, seed %i', (seed) => {
  const records = rideInput({ seed, count: 3000, drivers: 60 })
  const driver = run(records)
  closeWindows(driver)

  it("funnel and earnings equal the oracle's", () => {
    const { funnel, earnings } = expectedTables(records)
    expect(filled(latest(driver, 'analytics.trip_funnel'), 'requested')).toEqual(funnel)
    expect(filled(latest(driver, 'driver.earnings'), 'trips')).toEqual(earnings)
    expect(Math.min(funnel.size, earnings.size)).toBeGreaterThan(5)
  })

  it("offers equal the oracle's, one per request that is greater than those before", () => {
    const made = driver.readOutput('trip.offers')
    const expected = expectedOffers(records)
    expect(made.map(({ value }) => parse(value))).toEqual(
      expected.map(({ offers, ...offer }) => ({
        ...offer,
        offers: offers.map(({ distance, ...one }) => ({ ...one, distanceMeters: expect.closeTo(distance, 4) })),
      })),
    )
    expect(made.map(({ key }) => String(key))).toEqual(expected.map(({ tripId }) => tripId))
    expect(expected.filter(({ offers }) => offers.length > 1).length).toBeGreaterThan(5)
    const own = ['event-type: trip.offers', 'event-version: 1.0']
    expect(made.map(({ headers }) => texts(headers).slice(0, 2))).toEqual(made.map(() => own))
    const correlated = made.map(({ headers }) => texts(headers).slice(2)).filter((more) => more.length > 0)
    expect(correlated.length).toBeGreaterThan(0)
    expect(correlated).toEqual(correlated.map(() => [expect.stringMatching(/^correlation-id: corr-/)]))
  })
})

describe.each([1, 2, 3])('demand of cells under 3,000 records that come minutes out of order, seed %i', (seed) => {
  it('is final, one per window, and late changes are counted', () => {
    const random = new Random(seed)
    const records = rideInput({ seed, count: 3000 })
      .map((record) => ({ ...record, place: record.timestamp + random.below(600_000) }))
      .sort((a, b) => a.place - b.place)
    const { rows: expected, late, closings } = expectedDemand(records, () => random.chance(0.05))
    const driver = run(records, closings)
    closeWindows(driver)
    const rows = driver.readOutput('analytics.cell_demand')
    expect(new Map(rows.map(({ key, value }) => [String(key), parse(value)]))).toEqual(expected)
    expect(rows).toHaveLength(expected.size)
    expect(lateOf(driver)).toBe(late)
    expect(late).toBeGreaterThan(0)
    expect(expected.size).toBeGreaterThan(100)
    for (const { headers } of rows)
      expect(texts(headers)).toEqual(['event-type: analytics.cell_demand', 'event-version: 1.0'])
  })
})

describe('arrival order and redelivery', () => {
  it.each([1, 2, 3])('change no final row of funnel, earnings and demand (seed %i)', (seed) => {
    const random = new Random(seed)
    const start = Date.UTC(2025, 9, 29, 10)
    const pickup = () => ({ lat: 40.7 + random.below(9) / 100, lng: -74 })
    // Corrections that move hours, windows, cells and money, all of it within the grace.
    const records = Array.from({ length: 300 }, () => {
      const [trip, at] = [`trip-${random.below(40)}`, start + random.below(590_000)]
      return random.chance(0.6)
        ? requested(trip, at, pickup())
        : completed(trip, at, { driverId: `d-${random.below(5)}`, finalFare: random.below(10_000) / 100 })
    })
    const results = [0, 1, 2].map(() => {
      const order = records
        .flatMap((record) => (random.chance(0.2) ? [record, record] : [record]))
        .map((record) => ({ record, place: random.next() }))
        .sort((a, b) => a.place - b.place)
      const driver = run(order.map(({ record }) => record))
      expect(latest(driver, 'analytics.cell_demand')).toEqual(new Map())
      closeWindows(driver)
      expect(lateOf(driver)).toBe(0)
      return {
        demand: latest(driver, 'analytics.cell_demand'),
        funnel: filled(latest(driver, 'analytics.trip_funnel'), 'requested'),
        earnings: filled(latest(driver, 'driver.earnings'), 'trips'),
      }
    })
    const { funnel, earnings } = expectedTables(records)
    const demand = expectedDemand(records).rows
    for (const result of results) expect(result).toEqual({ demand, funnel, earnings })
    expect(demand.size).toBeGreaterThan(5)
  })
})
