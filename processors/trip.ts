import { isLater, type Mark } from './events/ride-event.ts'
import { type Cents, centsToJson, moneyToJson } from './money.ts'
import { formatInstant } from './time/format-instant.ts'

export interface Place {
  readonly lat: number
  readonly lng: number
  readonly address: string | null
}

/*
 * What a trip keeps of its events, immutable. Each part makes its JSON texts when they are first asked for and keeps them:
 * every later event of the trip writes the texts of all its parts again.
 */

/** Of trip.cancelled, and what all parts have. */
export class KeptMark implements Mark {
  readonly at: number
  readonly sub: string
  readonly eventId: string
  #row: string | null = null
  #time: string | null = null

  constructor({ at, sub, eventId }: Mark) {
    this.at = at
    this.sub = sub
    this.eventId = eventId
  }

  /** JSON array of the fields, as the store keeps them. */
  get row(): string {
    this.#row ??= JSON.stringify(this.fields())
    return this.#row
  }

  /** JSON text of the time that topic trip.state shows. */
  get time(): string {
    this.#time ??= `"${formatInstant(this.shownAt())}"`
    return this.#time
  }

  protected fields(): readonly unknown[] {
    return [this.at, this.sub, this.eventId]
  }

  protected shownAt(): number {
    return this.at
  }
}

/** Of trip.accepted and trip.started. */
export class KeptDriver extends KeptMark {
  readonly driverId: string | null

  constructor(mark: Mark, driverId: string | null) {
    super(mark)
    this.driverId = driverId
  }

  protected override fields(): readonly unknown[] {
    return [this.at, this.sub, this.eventId, this.driverId]
  }
}

export class KeptCompletion extends KeptDriver {
  readonly finalFare: Cents
  /** data.completedAt, else the event's timestamp; epoch ms. */
  readonly completedAt: number

  constructor(mark: Mark, driverId: string | null, finalFare: Cents, completedAt: number) {
    super(mark, driverId)
    this.finalFare = finalFare
    this.completedAt = completedAt
  }

  protected override fields(): readonly unknown[] {
    return [this.at, this.sub, this.eventId, this.driverId, centsToJson(this.finalFare), this.completedAt]
  }

  protected override shownAt(): number {
    return this.completedAt
  }
}

export interface RequestDetails {
  readonly passengerId: string
  readonly pickup: Place
  readonly dropoff: Place
  readonly vehicleType: string
  readonly estimatedFare: Cents
}

export class KeptRequest extends KeptMark implements RequestDetails {
  readonly passengerId: string
  readonly pickup: Place
  readonly dropoff: Place
  readonly vehicleType: string
  readonly estimatedFare: Cents
  #passenger: string | null = null
  #ride: string | null = null

  constructor(mark: Mark, { passengerId, pickup, dropoff, vehicleType, estimatedFare }: RequestDetails) {
    super(mark)
    this.passengerId = passengerId
    this.pickup = pickup
    this.dropoff = dropoff
    this.vehicleType = vehicleType
    this.estimatedFare = estimatedFare
  }

  /** JSON text of the passenger's id. */
  get passenger(): string {
    this.#passenger ??= JSON.stringify(this.passengerId)
    return this.#passenger
  }

  /** JSON members `"pickup":...,"dropoff":...,"vehicleType":...,"estimatedFare":...`. */
  get ride(): string {
    const { pickup, dropoff, vehicleType, estimatedFare } = this
    this.#ride ??= JSON.stringify({ pickup, dropoff, vehicleType, estimatedFare: moneyToJson(estimatedFare) }).slice(
      1,
      -1,
    )
    return this.#ride
  }

  protected override fields(): readonly unknown[] {
    const { pickup: p, dropoff: d } = this
    return [
      ...[this.at, this.sub, this.eventId, this.passengerId, this.vehicleType, centsToJson(this.estimatedFare)],
      ...[p.lat, p.lng, p.address, d.lat, d.lng, d.address],
    ]
  }
}

/** What the store trip-state holds: the kept events. At least one is there. */
export interface Trip {
  readonly requested: KeptRequest | null
  readonly accepted: KeptDriver | null
  readonly started: KeptDriver | null
  readonly cancelled: KeptMark | null
  readonly completed: KeptCompletion | null
}

export const NO_TRIP: Trip = { requested: null, accepted: null, started: null, cancelled: null, completed: null }

export type TripStatus = 'requested' | 'accepted' | 'started' | 'cancelled' | 'completed'

export function statusOf(trip: Trip): TripStatus {
  if (trip.completed !== null) return 'completed'
  if (trip.cancelled !== null) return 'cancelled'
  if (trip.started !== null) return 'started'
  return trip.accepted !== null ? 'accepted' : 'requested'
}

/** The greatest event the trip has seen. */
export function latestOf(trip: Trip): KeptMark {
  let last: KeptMark | null = trip.requested
  last = later(last, trip.accepted)
  last = later(last, trip.started)
  last = later(last, trip.cancelled)
  last = later(last, trip.completed)
  if (last === null) throw new RangeError('a trip without events has no state')
  return last
}

function later(a: KeptMark | null, b: KeptMark | null): KeptMark | null {
  if (a === null) return b
  return b !== null && isLater(b, a) ? b : a
}
