import type { Point } from '../../processors/geo/great-circle.ts'
import { Fleet } from './fleet.ts'
import { scatter } from './geo.ts'
import { Random } from './random.ts'
import { type RecordedData, type RecordedTrip, readRecordedData, type Zone } from './recorded-data.ts'
import type { Mishaps, Ride, Stop } from './ride.ts'
import { rideHappenings } from './ride-events.ts'
import type { RideSource } from './simulated-event.ts'
import { timeline } from './timeline.ts'

export interface NycOptions {
  readonly seed: number
  /** The first so many recorded trips; default all 6,500. */
  readonly trips?: number
  /** Fleet at the beginning; it grows when all drivers are busy. Default 60. */
  readonly drivers?: number
  /** Mean seconds between two pings on a ride. Default 5. */
  readonly pingSeconds?: number
  readonly mishaps?: Mishaps
}

const MINUTE = 60_000
const IDLE_MS = 10 * MINUTE
const METERS_PER_MILE = 1609.344
/** Requests that never became a ride are missing from the records; this share of them is added. */
const CANCELLED_SHARE = 0.06
const CORRECTED_SHARE = 0.01
/** Separates the random numbers of the plan from those of the events. */
const PLANNING = 0x9e3779b9

export const NYC_MISHAPS: Mishaps = { late: 0.01, twice: 0.005, malformed: 0 }

/**
 * The recorded rides of New York at their real times; drivers, exact positions and the events around them come from the seed.
 * Dirty rows (negative fares, unknown zones) become invalid records.
 */
export function nycRides(options: NycOptions, data: RecordedData = readRecordedData()): RideSource {
  const { seed, pingSeconds = 5, mishaps = NYC_MISHAPS } = options
  const trips = data.trips.slice(0, options.trips)
  const rides = planRides({ zones: data.zones, trips }, seed, options.drivers ?? 60)
  const story = { seed, mishaps, pingSeconds }
  return {
    name: 'nyc',
    identity: ['nyc', seed, trips.length, options.drivers ?? 60, pingSeconds, ...Object.values(mishaps)].join(' '),
    rides: rides.length,
    events: () =>
      timeline(rides.map((ride) => ({ from: ride.requestedAt, happenings: () => rideHappenings(ride, story) }))),
  }
}

/** All rides in order of request, with a driver each. */
export function planRides(data: RecordedData, seed: number, drivers: number): readonly Ride[] {
  const known = [...data.zones.values()]
  const drafts = data.trips.flatMap((trip, row) => draftsOf(trip, row, data.zones, known, seed))
  return assignDrivers(drafts, new Fleet(drivers, known, new Random(seed ^ PLANNING, -1)))
}

type Draft = Omit<Ride, 'driverId' | 'origin' | 'idleUntil' | 'offlineAfter'> & { readonly wantsDriver: boolean }

/** The recorded ride, and sometimes a cancelled one in addition. */
function draftsOf(
  trip: RecordedTrip,
  row: number,
  zones: ReadonlyMap<string, Zone>,
  known: readonly Zone[],
  seed: number,
): Draft[] {
  const random = new Random(seed ^ PLANNING, row)
  const draft = (index: number, tripId: string): Draft => {
    const patience = random.integer(90_000, 600_000)
    const requestedAt = trip.pickupAt - patience
    const minutes = (trip.dropoffAt - trip.pickupAt) / MINUTE
    return {
      index,
      tripId,
      wantsDriver: true,
      passengerId: `passenger-${String(random.integer(1, 4000)).padStart(4, '0')}`,
      vehicleType: trip.passengers > 4 ? 'xl' : trip.color,
      pickup: stopIn(trip.pickupZone, zones, known, random),
      dropoff: stopIn(trip.dropoffZone, zones, known, random),
      requestedAt,
      acceptedAt: requestedAt + random.integer(4000, 45_000),
      startedAt: trip.pickupAt,
      completedAt: trip.dropoffAt,
      cancelled: null,
      estimatedFare: cents((2.5 + 2.1 * trip.miles + 0.2 * Math.min(minutes, 120)) * random.between(0.9, 1.15)),
      finalFare: trip.fare,
      distanceMeters: Math.round(trip.miles * METERS_PER_MILE),
      correction: null,
    }
  }
  const number = String(row + 1).padStart(4, '0')
  const ride = draft(2 * row, `nyc-${number}`)
  const corrected = trip.fare > 0 && random.chance(CORRECTED_SHARE)
  const correction = corrected && {
    at: trip.dropoffAt + IDLE_MS + random.integer(MINUTE, 120 * MINUTE),
    finalFare: cents(trip.fare * random.between(0.5, 1.2)),
  }
  const drafts = [correction ? { ...ride, correction } : ride]
  if (random.chance(CANCELLED_SHARE)) drafts.push(cancel(draft(2 * row + 1, `nyc-${number}-c`), random))
  return drafts
}

function cancel(draft: Draft, random: Random): Draft {
  if (random.chance(1 / 3)) {
    const at = draft.requestedAt + random.integer(2 * MINUTE, 5 * MINUTE)
    return { ...draft, wantsDriver: false, cancelled: { at, by: 'system', reason: 'no driver found' } }
  }
  const at = Math.round(random.between(draft.acceptedAt + 1000, draft.startedAt - 1000))
  const cancelled = random.chance(0.7)
    ? { at, by: 'passenger', reason: 'changed plans' }
    : { at, by: 'driver', reason: 'passenger not found' }
  return { ...draft, cancelled }
}

function stopIn(id: string, zones: ReadonlyMap<string, Zone>, known: readonly Zone[], random: Random): Stop {
  const zone = zones.get(id)
  // The zone is unknown: the driver went somewhere in the city.
  const { lat, lng } = scatter(zone ?? random.pick(known), 350, random)
  return { lat, lng, address: zone?.name ?? `zone ${id}`, known: zone !== undefined }
}

function assignDrivers(drafts: Draft[], fleet: Fleet): Ride[] {
  const byAcceptance = drafts.filter((draft) => draft.wantsDriver).sort((a, b) => a.acceptedAt - b.acceptedAt)
  const bookings = new Map<number, { driverId: string; origin: Point }>()
  const nextAccepted = new Map<number, number>()
  const lastOf = new Map<string, number>()
  const open: Array<{ end: number; driverId: string; at: Point }> = []
  for (const draft of byAcceptance) {
    const ended = open.filter(({ end }) => end <= draft.acceptedAt)
    for (const { driverId, end, at } of ended) {
      fleet.release(driverId, end, at)
      open.splice(
        open.findIndex((ride) => ride.driverId === driverId),
        1,
      )
    }
    const booking = fleet.book(draft.pickup, draft.acceptedAt, draft.startedAt)
    bookings.set(draft.index, booking)
    const before = lastOf.get(booking.driverId)
    if (before !== undefined) nextAccepted.set(before, draft.acceptedAt)
    lastOf.set(booking.driverId, draft.index)
    open.push({ end: endOf(draft), driverId: booking.driverId, at: draft.cancelled ? draft.pickup : draft.dropoff })
  }
  return drafts
    .map((draft): Ride => {
      const { wantsDriver: _, ...ride } = draft
      const booking = bookings.get(draft.index)
      const next = nextAccepted.get(draft.index) ?? Number.POSITIVE_INFINITY
      const idleUntil = Math.min(endOf(draft) + IDLE_MS, next - 1)
      return {
        ...ride,
        driverId: booking?.driverId ?? null,
        origin: booking?.origin ?? draft.pickup,
        idleUntil,
        offlineAfter: idleUntil < next - 1,
      }
    })
    .sort((a, b) => a.requestedAt - b.requestedAt || a.index - b.index)
}

const endOf = ({ cancelled, completedAt }: Draft): number => cancelled?.at ?? completedAt

function cents(dollars: number): number {
  return Math.round(dollars * 100) / 100
}
