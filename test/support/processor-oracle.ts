import { latLngToCell } from 'h3-js'
import { instantOf, type Json, oracle } from './oracle.ts'
import type { RideInputRecord } from './ride-input.ts'

/*
 * The expected trip.offers, analytics.cell_demand, analytics.trip_funnel and driver.earnings for given input, from the text of
 * docs/events.md: slow and plain, sharing only the h3 library with processors/.
 */

export type Input = Pick<RideInputRecord, 'topic' | 'key' | 'value' | 'invalid'>

export interface RawEvent {
  readonly type: string
  readonly id: string
  readonly eventId: string
  readonly instant: bigint
  readonly ms: number
  readonly data: Json
}

/** The event in a valid record. */
export function rawEvent({ topic, key, value }: Input): RawEvent {
  const envelope = JSON.parse(String(value)) as Json
  const instant = instantOf(envelope.timestamp) as bigint
  return {
    type: topic,
    id: String(key),
    eventId: envelope.eventId as string,
    instant,
    ms: Number(instant / 10n ** 27n),
    data: envelope.data as Json,
  }
}

function isGreater(a: RawEvent, b: RawEvent | undefined): boolean {
  return b === undefined || a.instant > b.instant || (a.instant === b.instant && a.eventId > b.eventId)
}

/** The tables that do not depend on the order of arrival: rows of the funnel by hour and of earnings by key. */
export function expectedTables(records: readonly Omit<Input, 'invalid'>[]): {
  funnel: Map<string, Json>
  earnings: Map<string, Json>
} {
  const { trips } = oracle(records.map((record, offset) => ({ ...record, partition: 0, offset })))
  const accepted = (trip: Json) => trip.acceptedAt !== null
  const hours = Map.groupBy(
    [...trips.values()].filter((trip) => trip.requestedAt !== null),
    (trip) => `${(trip.requestedAt as string).slice(0, 13)}:00:00Z`,
  )
  const funnel = new Map<string, Json>()
  for (const [hour, all] of hours) {
    const time = (trip: Json, name: string) => new Date(trip[name] as string).getTime()
    const waits = all
      .filter(accepted)
      .map((trip) => time(trip, 'acceptedAt') - time(trip, 'requestedAt'))
      .sort((a, b) => a - b)
    const share = (part: number) => waits.find((_, i) => (i + 1) * 100 >= part * waits.length) ?? null
    const seconds = (wait: number | null) => (wait === null ? null : wait / 1000)
    const count = (name: string) => all.filter((trip) => trip[name] !== null).length
    funnel.set(hour, {
      hour,
      requested: all.length,
      accepted: count('acceptedAt'),
      started: count('startedAt'),
      completed: count('completedAt'),
      cancelled: count('cancelledAt'),
      medianSecondsToAccept: seconds(share(50)),
      p95SecondsToAccept: seconds(share(95)),
    })
  }
  const earnings = new Map<string, Json>()
  const paid = [...trips.values()].filter((trip) => trip.completedAt !== null && trip.driverId !== null)
  for (const [key, all] of Map.groupBy(paid, (t) => `${t.driverId}|${(t.completedAt as string).slice(0, 10)}`)) {
    const cents = all.reduce((sum, trip) => sum + BigInt(Math.round((trip.finalFare as number) * 100)), 0n)
    earnings.set(key, {
      driverId: all[0]?.driverId,
      day: key.slice(-10),
      earnings: Number(cents) / 100,
      trips: all.length,
    })
  }
  return { funnel, earnings }
}

/** Great circle by vectors, not by haversine. */
export function metersBetween(a: { lat: number; lng: number }, b: { lat: number; lng: number }): number {
  const vector = ({ lat, lng }: { lat: number; lng: number }) => {
    const [p, l] = [(lat * Math.PI) / 180, (lng * Math.PI) / 180]
    return [Math.cos(p) * Math.cos(l), Math.cos(p) * Math.sin(l), Math.sin(p)] as const
  }
  const [u, v] = [vector(a), vector(b)]
  const cross = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]] as const
  return 6_371_008.8 * Math.atan2(Math.hypot(...cross), u[0] * v[0] + u[1] * v[1] + u[2] * v[2])
}

export interface ExpectedOffer {
  readonly tripId: string
  readonly requestedAt: string
  readonly pickup: Json
  readonly offers: readonly { driverId: string; distance: number; lat: number; lng: number }[]
}

/** Offers when every record is done before the next one comes. */
export function expectedOffers(records: readonly Input[], ttlMs = 300_000): ExpectedOffer[] {
  const drivers = new Map<string, RawEvent>()
  const requests = new Map<string, RawEvent>()
  const made: ExpectedOffer[] = []
  for (const record of records) {
    if (record.invalid !== null) continue
    const event = rawEvent(record)
    if (event.type === 'driver.location.updated' && isGreater(event, drivers.get(event.id)))
      drivers.set(event.id, event)
    if (event.type !== 'trip.requested' || !isGreater(event, requests.get(event.id))) continue
    requests.set(event.id, event)
    const { lat, lng, address = null } = event.data.pickup as { lat: number; lng: number; address?: string }
    const near = [...drivers.values()]
      .filter(({ data, ms }) => data.status === 'available' && (ttlMs === 0 || event.ms - ms <= ttlMs))
      .map(({ id, data }) => {
        const at = data.location as { lat: number; lng: number }
        return { driverId: id, distance: metersBetween({ lat, lng }, at), lat: at.lat, lng: at.lng }
      })
      .filter(({ distance }) => distance <= 5000)
      .sort((a, b) =>
        Math.abs(a.distance - b.distance) > 1e-6 ? a.distance - b.distance : a.driverId < b.driverId ? -1 : 1,
      )
    const requestedAt = new Date(event.ms).toISOString()
    made.push({ tripId: event.id, requestedAt, pickup: { lat, lng, address }, offers: near.slice(0, 10) })
  }
  return made
}

const WINDOW = 300_000
const GRACE = 600_000

export interface ExpectedDemand {
  /** Rows of cell demand by key. */
  readonly rows: Map<string, Json>
  /** How many changes were too late. */
  readonly late: number
  /** Numbers of records after which windows close. */
  readonly closings: ReadonlySet<number>
}

/** @param closes whether windows close behind a record, asked where 20 s more of stream time would close no other one */
export function expectedDemand(records: readonly Input[], closes: () => boolean = () => false): ExpectedDemand {
  const closings = new Set<number>()
  const kept = new Map<string, Map<string, RawEvent>>()
  const counts = new Map<string, { requests: number; completions: number; start: number; cell: string }>()
  let streamTime = -1
  let closed = -1
  let late = 0
  // Device and time of the change before.
  let last = { device: '', ms: -1 }
  const add = (
    cell: string,
    { ms, device }: { ms: number; device: string },
    name: 'requests' | 'completions',
    by: number,
  ) => {
    // Two devices, one right after the other, have reached it.
    if (device !== last.device) streamTime = Math.max(streamTime, Math.min(ms, last.ms))
    last = { device, ms }
    const start = ms - (ms % WINDOW)
    if (start + WINDOW + GRACE <= closed) {
      late++
      return
    }
    const key = `${cell}@${new Date(start).toISOString().replace('.000Z', 'Z')}`
    const row = counts.get(key) ?? { requests: 0, completions: 0, start, cell }
    counts.set(key, { ...row, [name]: row[name] + by })
  }
  const places = (trip: ReadonlyMap<string, RawEvent>, device: (name: string) => string) => {
    const request = trip.get('trip.requested')
    const completion = trip.get('trip.completed')
    if (request === undefined) return []
    const { lat, lng } = request.data.pickup as { lat: number; lng: number }
    const cell = latLngToCell(lat, lng, 7)
    const place = (name: 'requests' | 'completions', { ms }: RawEvent) => ({
      cell,
      ms,
      name,
      device: device(name),
      window: Math.floor(ms / WINDOW),
    })
    return [place('requests', request), ...(completion === undefined ? [] : [place('completions', completion)])]
  }
  for (const [i, record] of records.entries()) {
    if (record.invalid !== null || record.topic === 'driver.location.updated') continue
    const event = rawEvent(record)
    const trip = kept.get(event.id) ?? new Map<string, RawEvent>()
    if (!isGreater(event, trip.get(event.type))) continue
    const before = new Map(trip)
    trip.set(event.type, event)
    const named = ['trip.completed', 'trip.started', 'trip.accepted']
    const driver = named.map((type) => trip.get(type)?.data.driverId).find((id) => id !== undefined)
    const device = (name: string) => (name === 'requests' ? event.id : String(driver ?? `driver of ${event.id}`))
    const moves = [places(before, device), places(trip, device)]
    kept.set(event.id, trip)
    if (!['trip.requested', 'trip.completed'].includes(record.topic)) continue
    for (const name of ['requests', 'completions'] as const) {
      const [from, to] = moves.map((all) => all.find((place) => place.name === name))
      if (from !== undefined && from.cell === to?.cell && from.window === to.window) continue
      if (from !== undefined) add(from.cell, from, name, -1)
      if (to !== undefined) add(to.cell, to, name, 1)
    }
    if (streamTime % WINDOW > WINDOW - 60_000 || !closes()) continue
    closings.add(i)
    closed = streamTime
  }
  const rows = new Map<string, Json>()
  for (const [key, { cell, start, requests, completions }] of counts) {
    if (requests === 0 && completions === 0) continue
    const text = (ms: number) => new Date(ms).toISOString().replace('.000Z', 'Z')
    rows.set(key, { cell, windowStart: text(start), windowEnd: text(start + WINDOW), requests, completions })
  }
  return { rows, late, closings }
}
