import { Random } from '../test/support/random.ts'

/** One input record of the benchmark. */
export interface LoadRecord {
  readonly topic: string
  readonly key: string
  readonly value: string
  /** Epoch ms. */
  readonly timestamp: number
}

const START = Date.parse('2025-10-29T10:00:00Z')
/** Positions of drivers for each trip; LoadOptions says another number. */
const PINGS_PER_TRIP = 6
/** Events of one trip. */
export const EVENTS_PER_TRIP = 4
/** Drivers of the benchmark; LoadOptions says another number. */
const DRIVERS = 5000
/** Between two events of a trip there are the first events of so many other trips. */
const TRIPS_BETWEEN = 1000
const VEHICLES = ['standard', 'xl', 'wheelchair']

export interface LoadOptions {
  readonly seed?: number
  readonly drivers?: number
  readonly pings?: number
}

/**
 * The benchmark's input: trips of four events with six driver positions each (40 % trip events), values of 300 to 450
 * bytes, trips overlapping by a few thousand, timestamps rising by a millisecond per event. The same for every peer. All trips
 * and drivers are in one city, and every driver pings. At the start, where no trip is old enough for a later event, a driver pings
 * instead.
 */
export function* load(
  count: number,
  { seed = 1, drivers: size = DRIVERS, pings = PINGS_PER_TRIP }: LoadOptions = {},
): Generator<LoadRecord> {
  const random = new Random(seed)
  const drivers = Array.from({ length: size }, () => ({
    lat: 40.6 + random.next() * 0.2,
    lng: -74.05 + random.next() * 0.25,
  }))
  const perTrip = EVENTS_PER_TRIP + pings
  for (let i = 0; i < count; i++) {
    const timestamp = START + i
    const newest = Math.floor(i / perTrip)
    const step = i % perTrip
    // The four events of a trip stand some ten thousand events apart, as those of real trips do.
    const trip = newest - step * TRIPS_BETWEEN
    if (step >= EVENTS_PER_TRIP || trip < 0) {
      const driver = (newest * 7 + step * 131) % size
      const at = drivers[driver] as { lat: number; lng: number }
      at.lat += (random.next() - 0.5) * 0.002
      at.lng += (random.next() - 0.5) * 0.002
      yield event('driver.location.updated', `driver-${driver}`, timestamp, random, {
        driverId: `driver-${driver}`,
        location: { lat: round(at.lat), lng: round(at.lng) },
        heading: Math.floor(random.next() * 360),
        speed: Math.floor(random.next() * 60),
        status: random.chance(0.5) ? 'available' : 'on_trip',
      })
      continue
    }
    const id = `trip-${trip}`
    const type = (['trip.requested', 'trip.accepted', 'trip.started', 'trip.completed'] as const)[step] as string
    yield event(type, id, timestamp, random, { tripId: id, ...details(type, random, size) })
  }
}

function details(type: string, random: Random, drivers: number): Record<string, unknown> {
  switch (type) {
    case 'trip.requested':
      return {
        passengerId: `passenger-${random.below(50_000)}`,
        pickup: {
          lat: round(40.6 + random.next() * 0.2),
          lng: round(-74 + random.next() * 0.2),
          address: 'Broadway 1',
        },
        dropoff: { lat: round(40.6 + random.next() * 0.2), lng: round(-74 + random.next() * 0.2) },
        estimatedFare: random.below(8000) / 100,
        vehicleType: random.pick(VEHICLES),
      }
    case 'trip.completed':
      return {
        driverId: `driver-${random.below(drivers)}`,
        finalFare: random.below(8000) / 100,
        distanceMeters: random.below(20_000),
        durationSeconds: random.below(3600),
      }
    default:
      return { driverId: `driver-${random.below(drivers)}`, etaSeconds: random.below(900) }
  }
}

function event(
  type: string,
  key: string,
  timestamp: number,
  random: Random,
  data: Record<string, unknown>,
): LoadRecord {
  const id = random.next().toString(16).slice(2, 14).padEnd(12, '0')
  const value = JSON.stringify({
    eventId: `${id.slice(0, 8)}-${id.slice(8, 12)}-4000-8000-${id}`,
    eventType: type,
    eventVersion: '1.0',
    timestamp: new Date(timestamp).toISOString(),
    correlationId: `req-${id}`,
    data,
    metadata: { producedBy: type.startsWith('trip') ? 'trip-service' : 'driver-service', environment: 'production' },
  })
  return { topic: type, key, value, timestamp }
}

function round(degrees: number): number {
  return Math.round(degrees * 1e6) / 1e6
}
