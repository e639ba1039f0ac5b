import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { nycRides } from '../../../app/simulator/nyc-rides.ts'
import type { RawRecord } from '../../../app/simulator/simulated-event.ts'
import type { AnyEvent } from '../../../processors/events/ride-event.ts'
import { understood } from './read-events.ts'

/*
 * The whole real file: what comes out is compared with the CSV, read here in another way (by column name, New York
 * time by the platform's time zone data).
 */

interface Row {
  readonly tripId: string
  readonly pickup: string
  readonly dropoff: string
  readonly unknownZone: boolean
  readonly fareCents: number
}

const rows: Row[] = []
/** Per trip id of a recorded ride and event type: the valid events, each once. */
const events = new Map<string, AnyEvent[]>()
const raw: RawRecord[] = []
let cancelledOnly = 0

function table(file: string): Array<Record<string, string>> {
  const [header = '', ...lines] = readFileSync(join(import.meta.dirname, '../../../data', file), 'utf8')
    .trim()
    .split('\n')
  const names = header.trim().split(',')
  return lines.map((line) =>
    Object.fromEntries(
      line
        .trim()
        .split(',')
        .map((cell, i) => [names[i], cell]),
    ),
  )
}

const newYork = new Intl.DateTimeFormat('sv-SE', {
  timeZone: 'America/New_York',
  dateStyle: 'short',
  timeStyle: 'medium',
})

function eventOf(tripId: string, type: AnyEvent['type']): AnyEvent | undefined {
  return events.get(`${tripId} ${type}`)?.[0]
}

beforeAll(() => {
  const zones = new Set(table('nyc-taxi-zones.csv').map(({ zone_id }) => zone_id))
  for (const [index, row] of table('nyc-taxi-trips-2019-03.csv').entries()) {
    rows.push({
      tripId: `nyc-${String(index + 1).padStart(4, '0')}`,
      pickup: row.pickup_at ?? '',
      dropoff: row.dropoff_at ?? '',
      unknownZone: !zones.has(row.pickup_zone_id) || !zones.has(row.dropoff_zone_id),
      fareCents: Math.round(Number(row.fare_usd) * 100),
    })
  }
  const source = nycRides({ seed: 1, pingSeconds: 3600 })
  cancelledOnly = source.rides - rows.length
  const ids = new Set<string>()
  for (const { payload } of source.events()) {
    if (payload.kind === 'raw') raw.push(payload)
    const event = understood(payload)
    if (event === null || event.type === 'driver.location.updated' || ids.has(event.eventId)) continue
    ids.add(event.eventId)
    const key = `${event.data.tripId} ${event.type}`
    events.set(key, [...(events.get(key) ?? []), event])
  }
})

it('the recorded data have 6,500 rides, each started and ended at its recorded time', () => {
  expect(rows.length).toBe(6500)
  for (const { tripId, pickup } of rows) expect(newYork.format(eventOf(tripId, 'trip.started')?.at)).toBe(pickup)
  const completed = rows.filter(({ fareCents }) => fareCents >= 0)
  expect(completed.length).toBe(6490)
  for (const { tripId, dropoff } of completed) {
    expect(newYork.format(eventOf(tripId, 'trip.completed')?.at)).toBe(dropoff)
  }
})

it('every ride with a valid fare is completed with exactly that fare', () => {
  const valid = rows.filter(({ fareCents }) => fareCents >= 0)
  expect(valid.length).toBe(6490)
  for (const { tripId, fareCents } of valid) expect(eventOf(tripId, 'trip.completed')?.fare).toBe(fareCents)
})

it('only the dirty rows become invalid records: unknown zones at the request, negative fares at the end', () => {
  const keysOf = (topic: string) => raw.filter((record) => record.topic === topic).map(({ key }) => key)
  const recorded = (keys: Array<string | null>) => keys.filter((key) => !key?.endsWith('-c')).sort()
  expect(recorded(keysOf('trip.requested'))).toEqual(rows.filter((row) => row.unknownZone).map((row) => row.tripId))
  expect(keysOf('trip.completed').sort()).toEqual(rows.filter((row) => row.fareCents < 0).map((row) => row.tripId))
  expect(keysOf('trip.completed').length).toBe(10)
  expect(raw.length).toBe(keysOf('trip.requested').length + 10)
})

it('some fares are corrected once, for the same end of the ride', () => {
  const corrected = [...events.values()].filter(([first, second]) => first?.type === 'trip.completed' && second)
  expect(corrected.length).toBeGreaterThan(40)
  expect(corrected.length).toBeLessThan(100)
  for (const [first, second, third] of corrected) {
    expect(second?.completedAt).toBe(first?.at)
    expect(second?.at).toBeGreaterThan(first?.at ?? 0)
    expect(third).toBeUndefined()
  }
})

it('some requests find no driver: they are cancelled and never started', () => {
  const cancelled = [...events.keys()].filter((key) => key.endsWith(' trip.cancelled'))
  expect(cancelled.length).toBe(cancelledOnly)
  expect(cancelled.every((key) => key.includes('-c '))).toBe(true)
  expect([...events.keys()].some((key) => key.endsWith('-c trip.started'))).toBe(false)
})
