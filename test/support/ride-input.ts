import { type Draft, type InvalidKind, invalidKindsOf } from './invalid-events.ts'
import { Random } from './random.ts'

/*
 * Rides as nasty as real life and worse, the same for the same seed: duplicates, disorder, corrections that move hours and
 * amounts, stale corrections, ties of timestamp, digits below the millisecond, offsets, trips that lack events, drivers that
 * jump back, and every kind of invalid record.
 */

export interface RideInputOptions {
  readonly seed: number
  /** Records, valid and invalid. */
  readonly count: number
  /** Share of invalid records (default 0.03). */
  readonly invalid?: number
  readonly drivers?: number
}

export interface RideInputRecord {
  readonly topic: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Record timestamp, epoch ms. */
  readonly timestamp: number
  /** Null: the producer's murmur2 of the key. A number (to be taken modulo the partition count) for null keys. */
  readonly partitionHint: number | null
  /** Name of the invalid kind, null for a valid record. */
  readonly invalid: string | null
}

const START = Date.UTC(2019, 2, 1, 9, 30)
const SPREAD_MS = 6 * 3_600_000
const DRIVER_TYPE = 'driver.location.updated'
const TRIP_TYPES = ['trip.requested', 'trip.accepted', 'trip.started', 'trip.cancelled', 'trip.completed'] as const

interface Event {
  readonly type: string
  readonly id: string
  readonly at: number
  readonly draft: Draft
}

export function rideInput({ seed, count, invalid = 0.03, drivers = 40 }: RideInputOptions): RideInputRecord[] {
  const random = new Random(seed)
  const maker = new Maker(random, seed)
  const events: Event[] = []
  const positions = Array.from({ length: drivers }, (_, i) => maker.driver(i))
  for (let trip = 0; events.length < count; trip++) {
    events.push(...maker.trip(trip, positions.length))
    for (let i = random.below(7); i > 0; i--) events.push(...maker.pings(random.pick(positions)))
  }
  disorder(events, random)
  return events.slice(0, count).map((event, i) => maker.record(event, random.chance(invalid), i))
}

/**
 * Most records stay near their place, some end up anywhere; not those of drivers, because one from the far future makes
 * the app ignore everything before it.
 */
function disorder(events: Event[], random: Random): void {
  for (let i = 0; i < events.length; i++) {
    if (!random.chance(0.3)) continue
    const reach = random.chance(0.1) ? events.length : 30
    const other = Math.max(0, Math.min(events.length - 1, i + random.below(2 * reach) - reach))
    const [a, b] = [events[i] as Event, events[other] as Event]
    if (reach > 30 && (a.type === DRIVER_TYPE || b.type === DRIVER_TYPE)) continue
    events[i] = b
    events[other] = a
  }
}

interface Driver {
  readonly id: string
  lat: number
  lng: number
  at: number
}

class Maker {
  private readonly random: Random
  private readonly seed: number
  private made = 0
  private readonly kindUses = new Map<string, number>()

  constructor(random: Random, seed: number) {
    this.random = random
    this.seed = seed
  }

  driver(i: number): Driver {
    const { random } = this
    const id = i % 7 === 3 ? `fahrer-ü-${i}` : `driver-${i}`
    return { id, lat: 40.6 + random.next() * 0.2, lng: -74 + random.next() * 0.2, at: START + random.below(SPREAD_MS) }
  }

  /** All records of one trip, with what life adds to them. */
  trip(i: number, drivers: number): Event[] {
    const { random } = this
    const id = i % 50 === 7 ? `reise-🚕-${this.seed}-${i}` : `trip-${this.seed}-${i}`
    const cancelled = random.chance(0.15)
    let at = START + random.below(SPREAD_MS)
    const events: Event[] = []
    const add = (type: string, when: number) =>
      events.push(this.event(type, id, when, this.data(type, id, when, drivers)))
    for (const type of TRIP_TYPES) {
      // A cancelled trip may have been completed all the same.
      if (type === 'trip.cancelled' ? !cancelled : type === 'trip.completed' && cancelled && !random.chance(0.2))
        continue
      at += random.below(900_000)
      if (random.chance(0.08)) continue
      add(type, at)
      // Corrections, stale ones, and ties that only the eventId decides.
      if (random.chance(0.12)) add(type, at + random.below(3_600_000))
      if (random.chance(0.06)) add(type, at - 1 - random.below(3_600_000))
      if (random.chance(0.05)) add(type, at)
      while (random.chance(0.12)) events.push(random.pick(events))
    }
    return events
  }

  /** A few steps of a driver: within a cell, across cells, back in time, repeated. */
  pings(driver: Driver): Event[] {
    const { random } = this
    const events: Event[] = []
    for (let i = random.below(6); i >= 0; i--) {
      driver.at += random.chance(0.1) ? 0 : random.below(8000)
      if (!random.chance(0.2)) {
        const step = random.chance(0.1) ? 0.05 : 0.002
        driver.lat += (random.next() - 0.5) * step
        driver.lng += (random.next() - 0.5) * step
      }
      const at = random.chance(0.07) ? driver.at - random.below(60_000) : driver.at
      const data = {
        driverId: driver.id,
        location: { lat: driver.lat, lng: driver.lng },
        ...(random.chance(0.5) ? { heading: random.below(360), speed: random.next() * 20 } : {}),
        ...(random.chance(0.8) ? { status: random.pick(['available', 'on_trip', 'offline']) } : {}),
      }
      events.push(this.event(DRIVER_TYPE, driver.id, at, data))
      if (random.chance(0.06)) events.push(random.pick(events))
    }
    return events
  }

  record(event: Event, invalid: boolean, index: number): RideInputRecord {
    const { type: topic, at: timestamp, draft } = event
    if (!invalid) {
      const value = Buffer.from(JSON.stringify(draft.envelope))
      return { topic, key: draft.key, value, timestamp, partitionHint: null, invalid: null }
    }
    const kind = this.rarestKind(topic)
    const { key, value } = kind.make(draft)
    return { topic, key, value, timestamp, partitionHint: key === null ? index : null, invalid: kind.name }
  }

  /** Chooses, of the kinds that fit, one used least so far, so that a modest share of invalid records covers them all. */
  private rarestKind(type: string): InvalidKind {
    const kinds = invalidKindsOf(type)
    const uses = (kind: InvalidKind) => this.kindUses.get(kind.name) ?? 0
    const least = Math.min(...kinds.map(uses))
    const kind = this.random.pick(kinds.filter((one) => uses(one) === least))
    this.kindUses.set(kind.name, least + 1)
    return kind
  }

  private event(type: string, id: string, at: number, data: Record<string, unknown>): Event {
    const { random } = this
    const n = this.made++
    const eventId = random.chance(0.05)
      ? `${random.pick(['Zebra', 'émile', 'ﬁ', '😀', '\ud7ff'])}-${this.seed}-${n}`
      : `${hex(random)}-${this.seed}-${n}`
    const envelope = {
      eventId,
      eventType: type,
      eventVersion: random.pick(['1.0', '1.0', '1.0', '1', '1.7', '1.23']),
      timestamp: this.instant(at),
      ...(random.chance(0.4) ? { correlationId: `corr-${id}` } : {}),
      data: { ...data, ...(random.chance(0.1) ? { extra: { nested: [1, 'x', null] } } : {}) },
      ...(random.chance(0.7) ? { metadata: { producedBy: 'test', environment: 'test' } } : {}),
    }
    return { type, id, at, draft: { key: Buffer.from(id), envelope } }
  }

  /** That millisecond (or within it) in one of the notations of ISO 8601. */
  private instant(at: number): string {
    const { random } = this
    const text = (minutes: number) => new Date(at + minutes * 60_000).toISOString().slice(0, -1)
    switch (random.below(8)) {
      case 0:
        return `${text(120)}+02:00`
      case 1:
        return `${text(-300)}-0500`
      case 2:
        return `${text(60)}+01`
      case 3:
        return `${text(0)}${random.below(1000)}Z`
      case 4:
        return `${text(345)}${random.below(1_000_000)}+05:45`
      case 5:
        return `${text(0).replace('.', ',')}00Z`
      default:
        return `${text(0)}Z`
    }
  }

  private data(type: string, tripId: string, at: number, drivers: number): Record<string, unknown> {
    const { random } = this
    const driverId = `driver-${random.below(drivers)}`
    const place = () => ({
      lat: 40.6 + random.next() * 0.2,
      lng: -74 + random.next() * 0.2,
      ...(random.chance(0.5) ? { address: random.pick(['Broadway 1', 'Straße "7"', 'a\\b\n']) } : {}),
    })
    const fare = () => random.below(20_000) / 100
    switch (type) {
      case 'trip.requested':
        return {
          tripId,
          passengerId: `passenger-${random.below(500)}`,
          pickup: place(),
          dropoff: place(),
          estimatedFare: fare(),
          vehicleType: random.pick(['standard', 'xl', 'wheelchair']),
        }
      case 'trip.accepted':
        return { tripId, driverId, ...(random.chance(0.5) ? { etaSeconds: random.below(900) } : {}) }
      case 'trip.started':
        return { tripId, ...(random.chance(0.5) ? { driverId } : {}) }
      case 'trip.completed':
        return {
          tripId,
          ...(random.chance(0.5) ? { driverId } : {}),
          finalFare: random.chance(0.02) ? 0 : fare(),
          ...(random.chance(0.3) ? { distanceMeters: random.below(30_000), durationSeconds: random.below(5000) } : {}),
          ...(random.chance(0.3) ? { completedAt: this.instant(at - random.below(3_600_000)) } : {}),
        }
      default:
        return { tripId, ...(random.chance(0.5) ? { cancelledBy: 'passenger', reason: 'changed mind' } : {}) }
    }
  }
}

function hex(random: Random): string {
  return random
    .below(2 ** 32)
    .toString(16)
    .padStart(8, '0')
}
