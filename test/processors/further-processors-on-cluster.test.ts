import { expect, it } from 'vitest'
import { ALL_PROCESSORS } from '../../processors/processor-names.ts'
import { rideTopics } from '../../processors/ride-topics.ts'
import { buildRideTopology } from '../../processors/ride-topology.ts'
import { partitionForKey } from '../../runtime/task/partitioner.ts'
import { MemoryApp } from '../support/memory-app.ts'
import type { Json } from '../support/oracle.ts'
import { expectedDemand, expectedOffers, expectedTables } from '../support/processor-oracle.ts'
import { Random } from '../support/random.ts'
import { completed, requested } from '../support/ride-events.ts'
import { type RideInputRecord, rideInput } from '../support/ride-input.ts'

const plan = buildRideTopology({ h3Resolution: 9, processors: ALL_PROCESSORS }).build({ applicationId: 'rides' })
const topics = rideTopics({ applicationId: 'rides', outputRetentionMs: -1 }).filter(
  ({ role }) => role !== 'dead-letter',
)
const counts = Object.fromEntries(topics.map(({ name }) => [name, name === 'driver.location.updated' ? 4 : 3]))

const HERE = { lat: 40.75, lng: -73.98 }

class Cluster {
  readonly app = new MemoryApp({
    plan,
    topics: counts,
    threads: 2,
    config: { deserializationExceptionHandler: 'dead-letter' },
  })

  feed(records: readonly RideInputRecord[]): void {
    for (const { topic, key, value, timestamp, partitionHint } of records) {
      const count = counts[topic] ?? 1
      const partition = key === null ? (partitionHint ?? 0) % count : partitionForKey(key, count)
      this.app.cluster.append({ topic, partition }, [{ key, value, timestamp, headers: [] }])
    }
  }

  /** Everything fed and all that follows from it is committed. */
  async drained(): Promise<void> {
    const { cluster } = this.app
    // Each subtopology reads what those before it write.
    for (const topic of plan.subtopologies.flatMap(({ sourceTopics }) => sourceTopics))
      for (let partition = 0; partition < (cluster.partitions(topic) ?? 0); partition++)
        if (cluster.log({ topic, partition }).highWatermark > 0) await this.app.drained(topic, partition)
  }

  rows(topic: string): [key: string, value: Json][] {
    return this.app.records(topic).map(({ key, value }) => [String(key), JSON.parse(String(value)) as Json])
  }

  filled(topic: string, count: string): Map<string, Json> {
    return new Map([...new Map(this.rows(topic))].filter(([, row]) => row[count] !== 0))
  }
}

it.each([11, 12])("many partitions, two threads and a restart give the oracle's results, seed %i", async (seed) => {
  const records = rideInput({ seed, count: 2000, drivers: 60 })
  const [drivers, trips] = [true, false].map((isDriver) =>
    records.filter(({ topic }) => (topic === 'driver.location.updated') === isDriver),
  ) as [RideInputRecord[], RideInputRecord[]]
  const cluster = new Cluster()
  await cluster.app.start()
  // The result for a request depends on the positions that have arrived: here all of them.
  cluster.feed(drivers)
  await cluster.drained()
  cluster.feed(trips.slice(0, trips.length / 2))
  await cluster.drained()
  await cluster.app.restart()
  cluster.feed(trips.slice(trips.length / 2))
  await cluster.drained()

  const { funnel, earnings } = expectedTables(records)
  expect(cluster.filled('analytics.trip_funnel', 'requested')).toEqual(funnel)
  expect(cluster.filled('driver.earnings', 'trips')).toEqual(earnings)
  // The topics of a trip are read by timestamp, so of two requests the greater may come first: the last offer is the same.
  const made = Map.groupBy(cluster.rows('trip.offers'), ([tripId]) => tripId)
  for (const [, offersOfTrip] of made) {
    const times = offersOfTrip.map(([, { requestedAt }]) => String(requestedAt))
    expect(times).toEqual(times.toSorted())
  }
  const last = new Map(expectedOffers([...drivers, ...trips]).map((offer) => [offer.tripId, offer]))
  const offers = Object.fromEntries(cluster.rows('trip.offers'))
  expect(offers).toEqual(
    Object.fromEntries(
      [...last].map(([tripId, { offers, ...rest }]) => [
        tripId,
        {
          ...rest,
          offers: offers.map(({ distance, ...one }) => ({ ...one, distanceMeters: expect.closeTo(distance, 4) })),
        },
      ]),
    ),
  )
  expect([...last.values()].filter((offer) => offer.offers.length > 2).length).toBeGreaterThan(5)
  const open = cluster.app.records('rides-open-offer-batches-changelog')
  const left = new Map(open.map(({ key, value }) => [String(key), value]))
  expect([...left.values()].filter((value) => value !== null)).toEqual([])
  expect(cluster.app.recovered).toEqual([])
  await cluster.app.instance.close()
})

it('requests whose joined ids read the same get one offer each', async () => {
  const at = Date.UTC(2025, 9, 29, 10)
  const pairs = Array.from({ length: 40 }, (_, i) => [
    [`${i} a`, 'b'],
    [`${i}`, 'a b'],
    [`${i}%20a`, 'b'],
  ]).flat() as [tripId: string, eventId: string][]
  // The eventId comes first in the key of a row.
  const requests = pairs.map(([end, start]) => requested(`${start} ${end}`, at, HERE, { eventId: 'e' }))
  const others = pairs.map(([end, start]) => requested(end, at, HERE, { eventId: `e ${start}` }))
  const cluster = new Cluster()
  await cluster.app.start()
  cluster.feed([...requests, ...others])
  await cluster.drained()
  const made = cluster.rows('trip.offers').map(([tripId]) => tripId)
  expect(made.sort()).toEqual([...new Set([...requests, ...others].map(({ key }) => String(key)))].sort())
  await cluster.app.instance.close()
})

it('demand windows close by the clock on all partitions, each once, across a restart', async () => {
  const random = new Random(5)
  const start = Date.UTC(2025, 9, 29, 10)
  const records = Array.from({ length: 400 }, () => {
    const [trip, at] = [`trip-${random.below(60)}`, start + random.below(590_000)]
    const pickup = { lat: 40.7 + random.below(9) / 100, lng: -74 }
    return random.chance(0.6) ? requested(trip, at, pickup) : completed(trip, at)
  })
  const cluster = new Cluster()
  await cluster.app.start()
  cluster.feed(records.slice(0, 200))
  await cluster.drained()
  await cluster.app.restart()
  cluster.feed([...records.slice(200), ...records.slice(0, 100)])
  await cluster.drained()
  expect(cluster.rows('analytics.cell_demand')).toEqual([])
  await cluster.app.time.pass(30 * 60_000)
  const rows = cluster.rows('analytics.cell_demand')
  expect(new Map(rows)).toEqual(expectedDemand(records).rows)
  expect(rows).toHaveLength(new Map(rows).size)
  expect(rows.length).toBeGreaterThan(8)
  await cluster.app.instance.close()
})
