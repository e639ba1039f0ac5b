import { expect, it } from 'vitest'
import { CityLoad, type LoadEvent } from './city-load.ts'

const OPTIONS = { seed: 3, seconds: 60, warmUpSeconds: 2, drivers: 10, trips: 5, requestsPerSecond: 0.5 }
const TICK_MS = 5

/** Runs the load by hand. Each request is answered after 50 ms with these drivers, each event is seen at once. */
function played(options: typeof OPTIONS, offer: readonly string[]) {
  const load = new CityLoad(options)
  const events: (LoadEvent & { readonly at: number })[] = []
  const open: { readonly tripId: string; readonly at: number }[] = []
  for (let at = -options.warmUpSeconds * 1000; at < options.seconds * 1000 + 1000; at += TICK_MS) {
    for (const event of load.due(at)) {
      events.push({ ...event, at })
      if (event.type === 'driver.location.updated') continue
      load.stateSeen(event.data.tripId, event.type.slice('trip.'.length))
      if (event.type === 'trip.requested') open.push({ tripId: event.data.tripId, at: at + 50 })
    }
    while (open[0] !== undefined && open[0].at <= at) load.offered(open.shift()?.tripId ?? '', offer, at)
  }
  return { events, outcomes: load.outcomes }
}

const drivers = Array.from({ length: OPTIONS.drivers }, (_, i) => `driver-${i}`)

it('every driver tells its position every 2.5 s, from the warm-up to the end', () => {
  const { events } = played(OPTIONS, drivers)
  const pings = events.filter(({ type }) => type === 'driver.location.updated')
  expect(pings.length).toBe((62 * 10) / 2.5)
  const ofOne = pings.filter((event) => event.type === 'driver.location.updated' && event.data.driverId === 'driver-3')
  expect(ofOne.slice(0, 3).map(({ at }) => at)).toEqual([-1250, 1250, 3750])
})

it('the trips of the burst are requested in one step at time 0, further ones at even distances', () => {
  const { events, outcomes } = played(OPTIONS, drivers)
  const requests = events.filter(({ type }) => type === 'trip.requested').map(({ at }) => at)
  expect(requests.slice(0, 7)).toEqual([0, 0, 0, 0, 0, 0, 2000])
  expect(requests.length).toBe(5 + 30)
  expect(outcomes.filter(({ kind }) => kind === 'burst').length).toBe(5)
})

it('a trip goes on only after its offer: accepted, started, completed', () => {
  const { events } = played(OPTIONS, drivers)
  const ofFirst = events.filter((event) => 'tripId' in event.data && event.data.tripId === 'trip-0')
  expect(ofFirst.map(({ type }) => type)).toEqual(['trip.requested', 'trip.accepted', 'trip.started', 'trip.completed'])
  expect((ofFirst[1]?.at ?? 0) - (ofFirst[0]?.at ?? 0)).toBeGreaterThanOrEqual(550)
})

it('a driver serves one trip at a time, and says so in its positions', () => {
  const { events } = played(OPTIONS, drivers)
  const busy = new Set<string>()
  const statuses = new Set<string>()
  for (const { type, data } of events) {
    if (type === 'trip.accepted') {
      expect(busy.has(data.driverId)).toBe(false)
      busy.add(data.driverId)
    }
    if (type === 'trip.completed') busy.delete(String(data.driverId))
    if (type === 'driver.location.updated') statuses.add(String(data.status))
  }
  expect([...statuses].sort()).toEqual(['available', 'on_trip'])
})

it('a passenger cancels after five seconds when all drivers of the offer are taken', () => {
  const { events, outcomes } = played({ ...OPTIONS, seconds: 10 }, ['driver-1'])
  const cancelled = events.filter(({ type }) => type === 'trip.cancelled')
  expect(cancelled.slice(0, 4).map(({ at }) => at)).toEqual([5050, 5050, 5050, 5050])
  expect(outcomes.filter(({ kind }) => kind === 'burst').map(({ expected }) => expected)).toEqual([
    expect.stringMatching(/^(started|completed)$/),
    'cancelled',
    'cancelled',
    'cancelled',
    'cancelled',
  ])
})

it('the same seed and the same answers give the same events, another seed gives others', () => {
  expect(played(OPTIONS, drivers).events).toEqual(played(OPTIONS, drivers).events)
  expect(played({ ...OPTIONS, seed: 4 }, drivers).events).not.toEqual(played(OPTIONS, drivers).events)
})

it('an outcome holds the first offer, counts the others, and knows the last state that was seen', () => {
  const load = new CityLoad({ ...OPTIONS, trips: 1, warmUpSeconds: 0 })
  load.due(0)
  load.offered('trip-0', ['driver-1', 'driver-2'], 70)
  load.offered('trip-0', [], 90)
  load.stateSeen('trip-0', 'requested')
  expect(load.outcomes).toEqual([
    {
      kind: 'burst',
      requestedAt: 0,
      offeredAt: 70,
      offers: 2,
      offeredDrivers: 2,
      expected: 'requested',
      seen: 'requested',
    },
  ])
})
