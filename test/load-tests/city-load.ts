import { Random } from '../../app/simulator/random.ts'
import type { EventData, EventType } from '../../processors/events/schemas.ts'
import { Drivers, PING_EVERY_MS, placeInCity } from './drivers.ts'

export interface CityLoadOptions {
  readonly seed: number
  readonly seconds: number
  /** Load of the same kind before time 0, without the burst. */
  readonly warmUpSeconds: number
  readonly drivers: number
  /** Trips that are requested at time 0. */
  readonly trips: number
  /** Further requests, at even distances. */
  readonly requestsPerSecond: number
}

export type LoadEvent = { readonly [T in EventType]: { readonly type: T; readonly data: EventData[T] } }[EventType]

export type TripStatus = 'requested' | 'accepted' | 'started' | 'completed' | 'cancelled'

/** The course of one trip; times are ms since time 0. */
export interface TripOutcome {
  readonly kind: 'warm-up' | 'burst' | 'steady'
  readonly requestedAt: number
  /** When its first record of trip.offers arrived; null: never. */
  readonly offeredAt: number | null
  /** Records of trip.offers for it. */
  readonly offers: number
  /** Drivers in the first of them. */
  readonly offeredDrivers: number
  /** The status that its last event gives it. */
  readonly expected: TripStatus
  /** The last status that trip.state told. */
  readonly seen: string | null
}

type OpenTrip = { -readonly [K in keyof TripOutcome]: TripOutcome[K] }

interface Step {
  readonly at: number
  readonly tripId: string
  readonly status: Exclude<TripStatus, 'requested'>
  readonly driverId: string
}

/** From each step of a trip to the next, ms. */
const ACCEPT_MS = [500, 2000] as const
const START_MS = [3000, 8000] as const
const RIDE_MS = [5000, 20_000] as const
/** A passenger whom no driver takes gives up after this. */
const PATIENCE_MS = 5000

/*
 * Owns what happens in the city: who sends what when, and what became of each trip. It knows no clock and no brokers, so the same
 * seed and the same answers give the same events.
 * 1. A trip goes on only after its offer: a free driver of the offer accepts, else the passenger cancels.
 * 2. Nothing is due at `seconds` or later: trips that are on their way then stay as they are.
 */
export class CityLoad {
  readonly #options: CityLoadOptions
  readonly #random: Random
  readonly #drivers: Drivers
  readonly #trips = new Map<string, OpenTrip>()
  /** By time. */
  readonly #steps: Step[] = []
  readonly #startMs: number
  readonly #pingMs: number
  #pings = 0
  #requests = 0
  #burst = false

  constructor(options: CityLoadOptions) {
    this.#options = options
    this.#random = new Random(options.seed)
    this.#drivers = new Drivers(options.drivers, this.#random)
    this.#startMs = -options.warmUpSeconds * 1000
    this.#pingMs = PING_EVERY_MS / options.drivers
  }

  /** The events that have become due since the last call, at most up to the end. Their sender sends them now. */
  due(nowMs: number): readonly LoadEvent[] {
    const now = Math.min(nowMs, this.#options.seconds * 1000 - 1e-6)
    const events: LoadEvent[] = []
    for (; this.#startMs + this.#pings * this.#pingMs <= now; this.#pings++) {
      events.push({ type: 'driver.location.updated', data: this.#drivers.ping(this.#pings % this.#drivers.count) })
    }
    if (now >= 0 && !this.#burst) {
      this.#burst = true
      for (let i = 0; i < this.#options.trips; i++) events.push(this.#request('burst', nowMs))
    }
    const everyMs = 1000 / this.#options.requestsPerSecond
    for (; this.#startMs + (this.#requests + 1) * everyMs <= now; this.#requests++) {
      events.push(this.#request(nowMs < 0 ? 'warm-up' : 'steady', nowMs))
    }
    while (this.#steps[0] !== undefined && this.#steps[0].at <= now)
      events.push(this.#take(this.#steps.shift() as Step))
    return events
  }

  /** A record of trip.offers has arrived. */
  offered(tripId: string, driverIds: readonly string[], nowMs: number): void {
    const trip = this.#trips.get(tripId)
    if (trip === undefined) throw new RangeError(`an offer for ${tripId}, which was never requested`)
    trip.offers++
    if (trip.offeredAt !== null) return
    trip.offeredAt = nowMs
    trip.offeredDrivers = driverIds.length
    const driverId = this.#drivers.take(driverIds)
    if (driverId === null) this.#plan({ at: nowMs + PATIENCE_MS, tripId, status: 'cancelled', driverId: '' })
    else this.#plan({ at: nowMs + this.#random.between(...ACCEPT_MS), tripId, status: 'accepted', driverId })
  }

  /** A record of trip.state has arrived. */
  stateSeen(tripId: string, status: string): void {
    const trip = this.#trips.get(tripId)
    if (trip === undefined) throw new RangeError(`a state of ${tripId}, which was never requested`)
    trip.seen = status
  }

  get outcomes(): readonly TripOutcome[] {
    return [...this.#trips.values()]
  }

  #request(kind: TripOutcome['kind'], nowMs: number): LoadEvent {
    const tripId = `trip-${this.#trips.size}`
    this.#trips.set(tripId, {
      kind,
      requestedAt: nowMs,
      offeredAt: null,
      offers: 0,
      offeredDrivers: 0,
      expected: 'requested',
      seen: null,
    })
    const data = {
      tripId,
      passengerId: `passenger-${this.#trips.size}`,
      pickup: placeInCity(this.#random),
      dropoff: placeInCity(this.#random),
      estimatedFare: this.#random.integer(500, 8000) / 100,
      vehicleType: 'standard',
    }
    return { type: 'trip.requested', data }
  }

  #take({ at, tripId, status, driverId }: Step): LoadEvent {
    ;(this.#trips.get(tripId) as OpenTrip).expected = status
    switch (status) {
      case 'accepted':
        this.#plan({ at: at + this.#random.between(...START_MS), tripId, status: 'started', driverId })
        return { type: 'trip.accepted', data: { tripId, driverId, etaSeconds: this.#random.integer(60, 600) } }
      case 'started':
        this.#plan({ at: at + this.#random.between(...RIDE_MS), tripId, status: 'completed', driverId })
        return { type: 'trip.started', data: { tripId, driverId } }
      case 'completed':
        this.#drivers.release(driverId)
        return { type: 'trip.completed', data: { tripId, driverId, finalFare: this.#random.integer(500, 8000) / 100 } }
      case 'cancelled':
        return { type: 'trip.cancelled', data: { tripId, cancelledBy: 'passenger', reason: 'no driver is free' } }
    }
  }

  #plan(step: Step): void {
    let i = this.#steps.length
    while (i > 0 && (this.#steps[i - 1] as Step).at > step.at) i--
    this.#steps.splice(i, 0, step)
  }
}
