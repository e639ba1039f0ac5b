import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { nycRides } from '../../../app/simulator/nyc-rides.ts'
import type { RideSource } from '../../../app/simulator/simulated-event.ts'
import { syntheticRides } from '../../../app/simulator/synthetic-rides.ts'
import type { TripEvent } from '../../../processors/events/ride-event.ts'
import { recordOf, understood } from './read-events.ts'

const sources: ReadonlyArray<[name: string, make: (seed: number) => RideSource]> = [
  ['nyc', (seed) => nycRides({ seed, trips: 120, pingSeconds: 30 })],
  [
    'synthetic',
    (seed) =>
      syntheticRides({
        seed,
        trips: 120,
        pingSeconds: 60,
        drivers: 30,
        mishaps: { late: 0.05, twice: 0.05, malformed: 0.05 },
      }),
  ],
]

function fingerprint(source: RideSource): string {
  const hash = createHash('sha256')
  for (const { releaseAt, payload } of source.events()) {
    hash.update(JSON.stringify([releaseAt, payload.timestamp, recordOf(payload)]))
  }
  return hash.digest('hex')
}

it.each(sources)('%s: the same seed gives the same events and ids; another seed gives others', (_, make) => {
  const source = make(7)
  const first = fingerprint(source)
  expect(fingerprint(source)).toBe(first)
  expect(fingerprint(make(7))).toBe(first)
  expect(make(7).identity).toBe(source.identity)
  expect(fingerprint(make(8))).not.toBe(first)
  expect(make(8).identity).not.toBe(source.identity)
})

it.each(sources)('%s: typed events are valid, raw records are not', (_, make) => {
  const misjudged: unknown[] = []
  let raw = 0
  for (const { payload } of make(1).events()) {
    if ((understood(payload) === null) !== (payload.kind === 'raw')) misjudged.push(recordOf(payload))
    if (payload.kind === 'raw') raw++
  }
  expect(misjudged).toEqual([])
  expect(raw).toBeGreaterThan(0)
})

it.each(sources)('%s: releases come in order of time, and no event is released before it happened', (_, make) => {
  const wrong: unknown[] = []
  let last = 0
  let late = 0
  for (const { releaseAt, payload } of make(2).events()) {
    if (releaseAt < last || payload.timestamp > releaseAt) wrong.push(recordOf(payload))
    if (payload.timestamp < releaseAt) late++
    last = releaseAt
  }
  expect(wrong).toEqual([])
  expect(late).toBeGreaterThan(0)
})

it.each(sources)('%s: counts each ride when it begins, until all have begun', (_, make) => {
  const source = make(3)
  let last = 0
  const trips = new Set<string | null>()
  for (const { rides, payload } of source.events()) {
    if (rides < last) throw new Error(`${rides} rides after ${last}`)
    last = rides
    if (payload.kind === 'event' && payload.envelope.eventType === 'trip.requested') trips.add(recordOf(payload).key)
  }
  expect(last).toBe(source.rides)
  expect(trips.size).toBeLessThanOrEqual(source.rides)
})

it.each(sources)('%s: no driver has two trips at once, and the events of every trip come in order', (_, make) => {
  const trips = new Map<string, Map<string, TripEvent>>()
  for (const { payload } of make(4).events()) {
    const event = understood(payload)
    if (event === null || event.type === 'driver.location.updated') continue
    const kept = trips.get(event.data.tripId) ?? new Map<string, TripEvent>()
    trips.set(event.data.tripId, kept)
    const before = kept.get(event.type)
    // Corrections come later: the first completion ends the ride.
    if (before === undefined || event.at < before.at) kept.set(event.type, event as TripEvent)
  }
  const busy = new Map<string, Array<[from: number, to: number]>>()
  for (const kept of trips.values()) {
    const accepted = kept.get('trip.accepted')
    const end = kept.get('trip.cancelled') ?? kept.get('trip.completed')
    const times = ['trip.requested', 'trip.accepted', 'trip.started', 'trip.completed'].flatMap(
      (type) => kept.get(type)?.at ?? [],
    )
    expect(times).toEqual([...times].sort((a, b) => a - b))
    if (accepted?.type !== 'trip.accepted' || end === undefined) continue
    const { driverId } = accepted.data
    busy.set(driverId, [...(busy.get(driverId) ?? []), [accepted.at, end.at]])
  }
  expect(busy.size).toBeGreaterThan(10)
  let next = 0
  for (const intervals of busy.values()) {
    intervals.sort(([a], [b]) => a - b)
    for (const [index, [from]] of intervals.slice(1).entries()) {
      expect(from).toBeGreaterThan(intervals[index]?.[1] ?? Number.POSITIVE_INFINITY)
      next++
    }
  }
  expect(next).toBeGreaterThan(0)
})

it.each(sources)('%s: the reports of a driver come in order, during rides and between them', (_, make) => {
  const last = new Map<string, number>()
  const backward: unknown[] = []
  const seen = new Set<string>()
  for (const { releaseAt, payload } of make(5).events()) {
    const event = understood(payload)
    // Late and repeated reports are out of order on purpose.
    if (event?.type !== 'driver.location.updated' || releaseAt !== payload.timestamp) continue
    const { driverId, status } = event.data
    const before = last.get(driverId)
    if (before !== undefined && event.at <= before) backward.push(event)
    last.set(driverId, event.at)
    seen.add(status ?? 'none')
  }
  expect(backward).toEqual([])
  expect(seen).toContain('available')
  expect(seen).toContain('on_trip')
})
