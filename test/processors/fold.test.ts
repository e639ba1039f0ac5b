import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { driverCellSerde, driverView } from '../../processors/driver-cells/driver-cells.ts'
import { parseEvent } from '../../processors/events/event-serde.ts'
import type { TripEvent } from '../../processors/events/ride-event.ts'
import { hourlyRevenueOf, hourTotalSerde } from '../../processors/hourly-revenue/hourly-revenue.ts'
import { tripSerde } from '../../processors/trip-state/trip-serde.ts'
import { applyTripEvent, foldTrip, NO_TRIP, tripStateOf } from '../../processors/trip-state/trip-state.ts'
import { tripStateSerde } from '../../processors/trip-state/trip-state-serde.ts'
import { Fold } from '../support/fold-input.ts'
import { INVALID_KINDS, invalidKindsOf } from '../support/invalid-events.ts'
import { type InputRecord, oracle, revenueDifferences } from '../support/oracle.ts'
import { rideInput } from '../support/ride-input.ts'

const json = (value: unknown): Record<string, unknown> => JSON.parse(JSON.stringify(value)) as Record<string, unknown>
const sorted = <T>(map: Iterable<readonly [string, T]>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1))

describe.each([1, 2, 3])('20,000 nasty records (seed %i)', (seed) => {
  const input = rideInput({ seed, count: 20_000 })
  const records = input.map((record, offset): InputRecord => ({ ...record, partition: 0, offset }))
  const expected = oracle(records)
  const fold = new Fold()
  for (const { topic, key, value } of input) fold.add(topic, key, value)

  it('are the same for the same seed, and contain every kind of fault', () => {
    expect(isDeepStrictEqual(rideInput({ seed, count: 20_000 }), input)).toBe(true)
    const kinds = new Set(input.map((record) => record.invalid).filter((name) => name !== null))
    expect(kinds).toEqual(new Set(INVALID_KINDS.map((kind) => kind.name)))
    expect(expected.emptyHours.size + expected.revenue.size).toBeGreaterThan(5)
    expect(expected.trips.size).toBeGreaterThan(1000)
    const moves = [...expected.cellChanges.values()].reduce((sum, changes) => sum + changes.length, 0)
    expect(moves).toBeGreaterThan(2000)
  })

  it("give the oracle's dead letters", () => {
    expect([...fold.invalid.keys()].map((index) => [index, input[index]?.topic])).toEqual(
      expected.deadLetters.map(({ topic, offset }) => [offset, topic] as const).sort(([a], [b]) => a - b),
    )
    for (const [index, reason] of fold.invalid) {
      const { topic, invalid } = input[index] ?? { topic: '', invalid: null }
      expect(reason).toBe(invalidKindsOf(topic).find((kind) => kind.name === invalid)?.reason)
    }
  })

  it("give the oracle's trips", () => {
    const actual = sorted(fold.trips).map(([id, trip]) => [id, json(tripStateOf(id, trip))])
    expect(actual).toEqual(sorted(expected.trips))
    expect(Object.keys(actual[0]?.[1] ?? {})).toEqual(
      'tripId status passengerId driverId pickup dropoff vehicleType estimatedFare finalFare requestedAt acceptedAt startedAt completedAt cancelledAt updatedAt lastEventId'.split(
        ' ',
      ),
    )
  })

  it('give the outputs that JSON.stringify makes of the states', () => {
    const serde = tripStateSerde()
    for (const [tripId, trip] of fold.trips) {
      expect(serde.serialize('', { tripId, trip })).toBe(JSON.stringify(tripStateOf(tripId, trip)))
    }
  })

  it("give the oracle's cell changes in order", () => {
    const actual = sorted(fold.changes).map(([id, changes]) => [id, json(changes)])
    expect(actual).toEqual(sorted(expected.cellChanges).map(([id, changes]) => [id, changes.map((one) => one.value)]))
    for (const [, changes] of fold.changes) {
      expect(changes.map((change) => change.previousCell)).toEqual([null, ...changes.slice(0, -1).map((c) => c.cell)])
    }
    expect(sorted(fold.drivers).map(([id, driver]) => [id, json(driverView(id, driver))])).toEqual(
      sorted(expected.drivers),
    )
  })

  it("give the oracle's revenue", () => {
    const rows = new Map([...fold.hours].map(([hour, total]) => [hour, json(hourlyRevenueOf(hour, total))]))
    expect(revenueDifferences(expected, rows)).toEqual([])
  })

  it('come back unchanged from their stores', () => {
    for (const trip of fold.trips.values()) {
      expect(tripSerde.deserialize('', Buffer.from(tripSerde.serialize('', trip)))).toEqual(trip)
    }
    for (const driver of fold.drivers.values()) {
      expect(driverCellSerde.deserialize('', Buffer.from(driverCellSerde.serialize('', driver)))).toEqual(driver)
    }
  })
})

describe('a trip', () => {
  const byTrip = new Map<string, TripEvent[]>()
  for (const { topic, value, invalid } of rideInput({ seed: 9, count: 4000, invalid: 0 })) {
    if (topic === 'driver.location.updated' || value === null || invalid !== null) continue
    const event = parseEvent(topic, value) as TripEvent
    byTrip.set(event.data.tripId, [...(byTrip.get(event.data.tripId) ?? []), event])
  }
  const trips = [...byTrip.values()].filter((events) => events.length > 1)

  it('is the same for any order and duplication of its events', () => {
    const shuffled = fc
      .constantFrom(...trips)
      .chain((events) =>
        fc.tuple(
          fc.constant(events),
          fc.shuffledSubarray(events, { minLength: events.length }),
          fc.array(fc.constantFrom(...events), { maxLength: 6 }),
          fc.array(fc.nat(), { maxLength: 6 }),
        ),
      )
    fc.assert(
      fc.property(shuffled, ([events, order, extra, places]) => {
        const again = [...order]
        extra.forEach((event, i) => void again.splice((places[i] ?? 0) % (again.length + 1), 0, event))
        expect(foldTrip(again)).toEqual(foldTrip(events))
      }),
      { numRuns: 1000, seed: 5 },
    )
  })

  it('remains the same object after a duplicate', () => {
    for (const events of trips) {
      const trip = foldTrip(events) ?? NO_TRIP
      for (const event of events) expect(applyTripEvent(trip, event)).toBe(trip)
    }
  })

  it('without events does not exist', () => {
    expect(foldTrip([])).toBeNull()
  })

  it('loses a field that the later event of the same type lacks', () => {
    const completed = (n: number, data: object): TripEvent =>
      parseEvent(
        'trip.completed',
        Buffer.from(
          JSON.stringify({
            eventId: `e-${n}`,
            eventType: 'trip.completed',
            eventVersion: '1.0',
            timestamp: `2019-03-01T10:00:0${n}Z`,
            data: { tripId: 't', ...data },
          }),
        ),
      ) as TripEvent
    const first = completed(1, { finalFare: 10, driverId: 'd', completedAt: '2019-03-01T09:00:00Z' })
    const second = completed(2, { finalFare: 12.5 })
    for (const order of [
      [first, second],
      [second, first],
    ]) {
      expect(tripStateOf('t', foldTrip(order) ?? NO_TRIP)).toMatchObject({
        driverId: null,
        finalFare: 12.5,
        completedAt: '2019-03-01T10:00:02.000Z',
        lastEventId: 'e-2',
      })
    }
  })
})

describe('amounts in stores', () => {
  it('are exact beyond 2^53', () => {
    for (const cents of [0, 5, 9007199254740991, 9007199254740992n, 10n ** 30n]) {
      expect(hourTotalSerde.deserialize('', Buffer.from(String(cents)))).toEqual({ cents, trips: 1 })
      const total = { cents, trips: 3 }
      expect(hourTotalSerde.deserialize('', Buffer.from(hourTotalSerde.serialize('', total)))).toEqual(total)
    }
  })
})
