import type { DriverStatus, EventData, EventEnvelope, EventType } from '../../processors/events/schemas.ts'
import type { Point } from '../../processors/geo/great-circle.ts'
import { formatInstant } from '../../processors/time/format-instant.ts'
import { along, headingOf, metersBetween, scatter } from './geo.ts'
import { malformed } from './malformed.ts'
import { Random } from './random.ts'
import type { Mishaps, Ride, Stop } from './ride.ts'
import type { Happening, Payload } from './simulated-event.ts'

export interface StoryOptions {
  readonly seed: number
  readonly mishaps: Mishaps
  /** Mean seconds between two pings of a driver with a passenger or on the way to one. */
  readonly pingSeconds: number
}

export const TRIP_SERVICE = { producedBy: 'trip-service', environment: 'simulation' }
export const DRIVER_SERVICE = { producedBy: 'driver-service', environment: 'simulation' }
/** Limit of pings: a meter left running for a day makes no more than a long ride. */
const MOST_PINGS = 720
/** Waiting drivers report less often. */
const IDLE_PING_FACTOR = 6

/** Everything that happens in one ride, in order of time: the trip's events and the driver's pings. */
export function* rideHappenings(ride: Ride, options: StoryOptions): Generator<Happening> {
  const random = new Random(options.seed, ride.index)
  const correlationId = random.uuid()
  const { tripId, driverId } = ride
  const happens = (payload: Payload): Happening => onItsWay(payload, options.mishaps, random)
  const trip = <T extends EventType>(
    eventType: T,
    at: number,
    data: EventData[T],
    metadata = DRIVER_SERVICE,
  ): Happening => {
    const timestamp = formatInstant(at)
    const eventId = random.uuid()
    const envelope = { eventId, eventType, eventVersion: '1.0', timestamp, correlationId, data, metadata }
    return happens(event(envelope, at))
  }
  const pings = (from: number, to: number, a: Point, b: Point, status: DriverStatus): Iterable<Happening> =>
    driverId === null ? [] : pingsAlong({ driverId, from, to, a, b, status }, options, random)

  yield requested(ride, random.uuid(), correlationId, happens)
  if (driverId === null) {
    if (ride.cancelled) yield trip('trip.cancelled', ride.cancelled.at, cancelData(ride), TRIP_SERVICE)
    return
  }
  const etaSeconds = Math.round((ride.startedAt - ride.acceptedAt) / 1000)
  yield trip('trip.accepted', ride.acceptedAt, { tripId, driverId, etaSeconds })
  if (ride.cancelled) {
    // The driver turns around where the cancellation arrives.
    const share = (ride.cancelled.at - ride.acceptedAt) / Math.max(1, ride.startedAt - ride.acceptedAt)
    const turn = along(ride.origin, ride.pickup, share)
    yield* pings(ride.acceptedAt, ride.cancelled.at, ride.origin, turn, 'on_trip')
    yield trip('trip.cancelled', ride.cancelled.at, cancelData(ride), TRIP_SERVICE)
    yield* waiting(ride, driverId, ride.cancelled.at, turn, options, random)
    return
  }
  yield* pings(ride.acceptedAt, ride.startedAt, ride.origin, ride.pickup, 'on_trip')
  yield trip('trip.started', ride.startedAt, { tripId, driverId })
  yield* pings(ride.startedAt, ride.completedAt, ride.pickup, ride.dropoff, 'on_trip')
  const { completedAt, distanceMeters, correction } = ride
  const durationSeconds = Math.round((completedAt - ride.startedAt) / 1000)
  const completed = { tripId, driverId, finalFare: ride.finalFare, distanceMeters, durationSeconds }
  const completion = trip('trip.completed', completedAt, completed)
  // A negative fare makes an invalid event, which our producers would not send; the meters of New York do.
  yield ride.finalFare < 0 ? asItIs(completion) : completion
  yield* waiting(ride, driverId, completedAt, ride.dropoff, options, random)
  if (correction) {
    const data = { ...completed, finalFare: correction.finalFare, completedAt: formatInstant(completedAt) }
    yield trip('trip.completed', correction.at, data)
  }
}

function event(envelope: EventEnvelope, at: number): Payload {
  return { kind: 'event', envelope, timestamp: at }
}

/** A request between unknown zones has no positions: it is invalid, but it occurs in real life. */
function requested(ride: Ride, eventId: string, correlationId: string, happens: (p: Payload) => Happening): Happening {
  const { tripId, passengerId, pickup, dropoff, estimatedFare, vehicleType } = ride
  const at = ride.requestedAt
  const head = { eventId, eventType: 'trip.requested' as const, eventVersion: '1.0', timestamp: formatInstant(at) }
  const rest = { tripId, passengerId, estimatedFare, vehicleType }
  if (pickup.known && dropoff.known) {
    const data = { ...rest, pickup: place(pickup), dropoff: place(dropoff) }
    return happens(event({ ...head, correlationId, data, metadata: TRIP_SERVICE }, at))
  }
  const data = { ...rest, pickup: placeOrNot(pickup), dropoff: placeOrNot(dropoff) }
  const value = JSON.stringify({ ...head, correlationId, data, metadata: TRIP_SERVICE })
  return inTime({ kind: 'raw', topic: 'trip.requested', key: tripId, value, timestamp: at })
}

function asItIs(happening: Happening): Happening {
  const { payload } = happening
  if (payload.kind === 'raw') return happening
  const { envelope, timestamp } = payload
  const key = (envelope.data as { readonly tripId: string }).tripId
  return inTime({ kind: 'raw', topic: envelope.eventType, key, value: JSON.stringify(envelope), timestamp })
}

const place = ({ lat, lng, address }: Stop) => ({ lat, lng, address })
const placeOrNot = (stop: Stop) => (stop.known ? place(stop) : { lat: null, lng: null, address: stop.address })

function cancelData({ tripId, cancelled }: Ride): EventData['trip.cancelled'] {
  return cancelled ? { tripId, cancelledBy: cancelled.by, reason: cancelled.reason } : { tripId }
}

interface Leg {
  readonly driverId: string
  /** Exclusive. */
  readonly from: number
  /** Exclusive. */
  readonly to: number
  readonly a: Point
  readonly b: Point
  readonly status: DriverStatus
}

function* pingsAlong(leg: Leg, options: StoryOptions, random: Random): Generator<Happening> {
  const { driverId, from, to, a, b, status } = leg
  const duration = to - from
  const every = Math.max(options.pingSeconds * 1000, duration / MOST_PINGS)
  const heading = headingOf(a, b)
  const speed = duration > 0 ? Math.round((metersBetween(a, b) / duration) * 10_000) / 10 : 0
  for (let at = step(from, every, random); at < to; at = step(at, every, random)) {
    const location = scatter(along(a, b, (at - from) / duration), 12, random)
    yield ping(at, { driverId, location, heading, speed, status }, options, random)
  }
}

/** Between rides the driver waits near one spot, and goes offline if no ride follows. */
function* waiting(
  ride: Ride,
  driverId: string,
  from: number,
  spot: Point,
  options: StoryOptions,
  random: Random,
): Generator<Happening> {
  const every = options.pingSeconds * IDLE_PING_FACTOR * 1000
  let last = from
  // The first ping comes at once: the passenger is out, and the driver can be booked.
  for (let at = from + 1000; at < ride.idleUntil; at = step(at, every, random)) {
    yield ping(at, { driverId, location: scatter(spot, 40, random), speed: 0, status: 'available' }, options, random)
    last = at
  }
  if (ride.offlineAfter && ride.idleUntil > last) {
    yield ping(ride.idleUntil, { driverId, location: scatter(spot, 5, random), status: 'offline' }, options, random)
  }
}

function ping(
  at: number,
  data: EventData['driver.location.updated'],
  { mishaps }: StoryOptions,
  random: Random,
): Happening {
  const envelope: EventEnvelope<'driver.location.updated'> = {
    eventId: random.uuid(),
    eventType: 'driver.location.updated',
    eventVersion: '1.0',
    timestamp: formatInstant(at),
    data,
    metadata: DRIVER_SERVICE,
  }
  return onItsWay(event(envelope, at), mishaps, random)
}

/** Next time a ping is due: `every` ms, a fifth more or less. */
function step(at: number, every: number, random: Random): number {
  return Math.round(at + every * random.between(0.8, 1.2))
}

function inTime(payload: Payload): Happening {
  return { at: payload.timestamp, payload, lateBy: 0, againAfter: 0 }
}

function onItsWay(payload: Payload, { late, twice, malformed: destroyed }: Mishaps, random: Random): Happening {
  // One draw decides for most events, which arrive as they should.
  const fate = random.unit()
  if (fate >= late + twice + destroyed) return inTime(payload)
  const at = payload.timestamp
  if (fate < late) return { at, payload, lateBy: random.integer(1000, 60_000), againAfter: 0 }
  if (fate < late + twice) return { at, payload, lateBy: 0, againAfter: random.integer(500, 120_000) }
  return inTime(payload.kind === 'event' ? malformed(payload.envelope, at, random) : payload)
}
