import { describe, expect, it } from 'vitest'
import { buildRideTopology } from '../../processors/ride-topology.ts'
import type { KeptHistory } from '../../processors/trip-history/trip-history.ts'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import type { TimestampedKeyValueStore } from '../../state/ports/stores.ts'
import { Random } from '../support/random.ts'
import { completed, requested, rideEvent } from '../support/ride-events.ts'
import type { RideInputRecord } from '../support/ride-input.ts'

/*
 * A fleet whose clocks are right, and one driver whose clock is not: what is answered about the others must be the same without that
 * driver.
 */

const START = Date.UTC(2025, 9, 29, 10)
const RETENTION_MS = 7_200_000
const MINUTE = 60_000
const plan = buildRideTopology({
  h3Resolution: 9,
  processors: ['trip-state', 'trip-history', 'cell-demand'],
  tripHistoryRetentionMs: RETENTION_MS,
}).build({ applicationId: 'rides' })

/** A ride a minute for three hours, of twelve drivers, in three cells. */
function fleet(): RideInputRecord[] {
  const random = new Random(4)
  const events: { readonly at: number; readonly record: RideInputRecord }[] = []
  for (let i = 0; i < 180; i++) {
    const [trip, driverId, at] = [`trip-${i}`, `driver-${i % 12}`, START + i * MINUTE]
    const times = [0, 20_000, 11 * MINUTE].map((after) => at + after + random.below(10_000))
    const [asked = 0, taken = 0, done = 0] = times
    events.push(
      { at: asked, record: requested(trip, asked, { lat: 40.7 + (i % 3) / 20, lng: -74 }) },
      { at: taken, record: rideEvent('trip.accepted', trip, taken, { driverId }) },
      { at: done, record: completed(trip, done, { driverId }) },
    )
  }
  return events.toSorted((a, b) => a.at - b.at).map(({ record }) => record)
}

/** The rides of one driver with a wrong clock, one after every twentieth event of the others. */
function withWrongClock(events: readonly RideInputRecord[], off: number): RideInputRecord[] {
  return events.flatMap((record, i) => {
    if (i % 20 !== 10) return [record]
    const [trip, at, driverId] = [`wrong-${i}`, record.timestamp, 'wrong']
    return [
      record,
      requested(trip, at, { lat: 45, lng: -74 }),
      rideEvent('trip.accepted', trip, at + off, { driverId }),
      completed(trip, at + off + 1000, { driverId }),
    ]
  })
}

function run(records: readonly RideInputRecord[]) {
  const driver = new TopologyTestDriver(plan, { config: { deserializationExceptionHandler: 'dead-letter' } })
  for (const { topic, key, value, timestamp } of records) {
    driver.pipeInput(topic, { key, value, timestamp })
    driver.advanceWallClockTime(5000)
  }
  const rows = driver.readOutput('analytics.cell_demand').map(({ key, value }) => [String(key), String(value)] as const)
  const histories = driver.store<TimestampedKeyValueStore<string, KeptHistory>>('trip-history')
  const kept = Array.from({ length: 180 }, (_, i) => histories.get(`trip-${i}`)?.value.events.length ?? 0)
  return { rows, kept, late: new Map(driver.metrics.dropped.entries()).get('late') ?? 0 }
}

const DAY = 86_400_000

describe.each([
  ['six minutes ahead', 6 * MINUTE],
  ['an hour ahead', 60 * MINUTE],
  ['in 2099', Date.UTC(2099, 0, 1) - START],
  ['six minutes behind', -6 * MINUTE],
  ['a day behind', -DAY],
])('a driver whose clock is %s', (_name, off) => {
  it('changes no window and no history of other drivers', () => {
    const events = fleet()
    const right = run(events)
    const wrong = run(withWrongClock(events, off))
    const cells = new Set(right.rows.map(([key]) => key.slice(0, key.indexOf('@'))))
    expect(cells.size).toBe(3)
    const ofFleet = wrong.rows.filter(([key]) => cells.has(key.slice(0, key.indexOf('@'))))
    expect(ofFleet).toEqual(right.rows)
    expect(ofFleet.length).toBeGreaterThan(60)
    expect(right.late).toBe(0)
    expect(wrong.kept).toEqual(right.kept)
    // Some have expired, some not.
    expect(new Set(right.kept)).toEqual(new Set([0, 3]))
  })
})
