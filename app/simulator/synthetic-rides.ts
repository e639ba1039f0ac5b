import type { Point } from '../../processors/geo/great-circle.ts'
import { driverIdOf } from './fleet.ts'
import { metersBetween, scatter } from './geo.ts'
import { Random } from './random.ts'
import { readRecordedData, type Zone } from './recorded-data.ts'
import type { Mishaps, Ride, Stop } from './ride.ts'
import { rideHappenings } from './ride-events.ts'
import type { RideSource } from './simulated-event.ts'
import { type TimedStory, TimeQueue, timeline } from './timeline.ts'

export interface SyntheticOptions {
  readonly seed: number
  /** Default 1,000. */
  readonly trips?: number
  /** Default 200. Each of them drives most of the time. */
  readonly drivers?: number
  /** Mean seconds between two pings on a ride. Default 10. */
  readonly pingSeconds?: number
  readonly mishaps?: Mishaps
  /** Epoch ms of the first request; default 2025-10-29T00:00:00Z. */
  readonly startAt?: number
}

export const SYNTHETIC_MISHAPS: Mishaps = { late: 0.01, twice: 0.005, malformed: 0.001 }

const START = Date.UTC(2025, 9, 29)
const CANCELLED_SHARE = 0.06
const CORRECTED_SHARE = 0.01
const PLANNING = 0x85ebca6b
const IDLE_MS = 600_000

/** Made-up rides between New York's zones, as many as wanted: each driver takes one after the other. */
export function syntheticRides(
  options: SyntheticOptions,
  zones: readonly Zone[] = [...readRecordedData().zones.values()],
): RideSource {
  const { seed, trips = 1000, drivers = 200, pingSeconds = 10, mishaps = SYNTHETIC_MISHAPS, startAt = START } = options
  const story = { seed, mishaps, pingSeconds }
  return {
    name: 'synthetic',
    identity: ['synthetic', seed, trips, drivers, pingSeconds, startAt, ...Object.values(mishaps)].join(' '),
    rides: trips,
    events: () => timeline(stories()),
  }

  function* stories(): Generator<TimedStory> {
    for (const ride of syntheticPlan({ seed, trips, drivers, startAt }, zones)) {
      yield { from: ride.requestedAt, happenings: () => rideHappenings(ride, story) }
    }
  }
}

interface PlanOptions {
  readonly seed: number
  readonly trips: number
  readonly drivers: number
  readonly startAt: number
  readonly pace?: Pace
}

/** The times of rides, and how far they go. */
export interface Pace {
  /** From request to acceptance, ms. */
  readonly acceptance: readonly [least: number, most: number]
  /** From acceptance to start, ms. */
  readonly approach: readonly [least: number, most: number]
  /** From the end of a ride to the request of the driver's next one, ms. */
  readonly pause: readonly [least: number, most: number]
  /** Seconds that a ride takes in addition to its driving. */
  readonly baseSeconds: number
  /** The destination is the nearest of so many zones: the more, the shorter are rides. */
  readonly choices: number
}

/** Usual rides: a quarter of an hour each. */
const USUAL_PACE: Pace = {
  acceptance: [2000, 30_000],
  approach: [60_000, 420_000],
  pause: [10_000, 120_000],
  baseSeconds: 120,
  choices: 3,
}

/** A driver and the request of the next ride. */
interface Shift {
  readonly driver: number
  readonly position: Point
  readonly requestedAt: number
  readonly acceptedAt: number
}

/** Rides in order of request, planned one by one as they are asked for. */
export function* syntheticPlan(options: PlanOptions, zones: readonly Zone[]): Generator<Ride> {
  const { seed, trips, drivers, startAt, pace = USUAL_PACE } = options
  const shifts = new TimeQueue<Shift>()
  for (let driver = 1; driver <= Math.min(drivers, trips); driver++) {
    const random = new Random(seed ^ PLANNING, -driver)
    const position = scatter(random.pick(zones), 600, random)
    const requestedAt = driver === 1 ? startAt : startAt + random.integer(1, 600_000)
    shifts.add(requestedAt, { driver, position, ...request(requestedAt, pace, random) })
  }
  for (let index = 0; index < trips; index++) {
    const shift = shifts.take()
    const random = new Random(seed ^ PLANNING, index)
    const ride = planRide({ shift, index, zones, pace }, random)
    const end = ride.cancelled?.at ?? ride.completedAt
    const next = request(end + random.integer(...pace.pause), pace, random)
    shifts.add(next.requestedAt, {
      driver: shift.driver,
      position: ride.cancelled ? ride.pickup : ride.dropoff,
      ...next,
    })
    // A driver who gets no further ride stops after a while, as in real life; one who gets a ride leaves for it before that.
    yield { ...ride, idleUntil: Math.min(next.acceptedAt - 1, end + IDLE_MS), offlineAfter: false }
  }
}

function request(requestedAt: number, pace: Pace, random: Random): Pick<Shift, 'requestedAt' | 'acceptedAt'> {
  return { requestedAt, acceptedAt: requestedAt + random.integer(...pace.acceptance) }
}

interface RidePlan {
  readonly shift: Shift
  readonly index: number
  readonly zones: readonly Zone[]
  readonly pace: Pace
}

function planRide({ shift, index, zones, pace }: RidePlan, random: Random): Omit<Ride, 'idleUntil' | 'offlineAfter'> {
  const { requestedAt, acceptedAt, position } = shift
  const pickup: Stop = { ...scatter(position, 900, random), address: 'at the kerb', known: true }
  const zone = nearestOf(
    Array.from({ length: pace.choices }, () => random.pick(zones)),
    pickup,
  )
  const dropoff: Stop = { ...scatter(zone, 350, random), address: zone.name, known: true }
  const startedAt = acceptedAt + random.integer(...pace.approach)
  const distanceMeters = Math.round(metersBetween(pickup, dropoff) * 1.3)
  const seconds = Math.min(3600, pace.baseSeconds + distanceMeters / random.between(6, 11))
  const completedAt = startedAt + Math.round(seconds * 1000)
  const finalFare = cents(2.5 + distanceMeters * 0.0016 + seconds * 0.006)
  const isCancelled = random.chance(CANCELLED_SHARE)
  const isCorrected = !isCancelled && random.chance(CORRECTED_SHARE)
  return {
    index,
    tripId: `trip-${String(index + 1).padStart(8, '0')}`,
    passengerId: `passenger-${String(random.integer(1, 1_000_000)).padStart(7, '0')}`,
    driverId: driverIdOf(shift.driver),
    vehicleType: random.pick(['standard', 'standard', 'xl', 'green']),
    origin: position,
    pickup,
    dropoff,
    requestedAt,
    acceptedAt,
    startedAt,
    completedAt,
    cancelled: isCancelled
      ? { at: random.integer(acceptedAt + 1000, startedAt - 1000), by: 'passenger', reason: 'changed plans' }
      : null,
    estimatedFare: cents(finalFare * random.between(0.9, 1.15)),
    finalFare,
    distanceMeters,
    correction: isCorrected
      ? {
          at: completedAt + IDLE_MS + random.integer(60_000, 3_600_000),
          finalFare: cents(finalFare * random.between(0.5, 1.2)),
        }
      : null,
  }
}

/** Most rides are short. */
function nearestOf(zones: readonly Zone[], point: Point): Zone {
  return zones.reduce((a, b) => (metersBetween(b, point) < metersBetween(a, point) ? b : a))
}

function cents(dollars: number): number {
  return Math.round(dollars * 100) / 100
}
