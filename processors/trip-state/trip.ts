import { isLater, type Mark } from '../events/ride-event.ts'
import type { Cents } from '../money.ts'

export interface Place {
  readonly lat: number
  readonly lng: number
  readonly address: string | null
}

export interface KeptRequest extends Mark {
  readonly passengerId: string
  readonly pickup: Place
  readonly dropoff: Place
  readonly vehicleType: string
  readonly estimatedFare: Cents
}

/** The kept part of trip.accepted and trip.started. */
export interface KeptDriver extends Mark {
  readonly driverId: string | null
}

export interface KeptCompletion extends Mark {
  readonly driverId: string | null
  readonly finalFare: Cents
  /** data.completedAt, else the event's timestamp; epoch ms. */
  readonly completedAt: number
}

/** A row of the store trip-state: the kept events, immutable. At least one is there. */
export interface Trip {
  readonly requested: KeptRequest | null
  readonly accepted: KeptDriver | null
  readonly started: KeptDriver | null
  readonly cancelled: Mark | null
  readonly completed: KeptCompletion | null
}

export const NO_TRIP: Trip = { requested: null, accepted: null, started: null, cancelled: null, completed: null }

export const TRIP_STATUSES = ['requested', 'accepted', 'started', 'cancelled', 'completed'] as const
export type TripStatus = (typeof TRIP_STATUSES)[number]

/** The driver of the furthest event that names one. */
export function driverOf({ accepted, started, completed }: Trip): string | null {
  return completed?.driverId ?? started?.driverId ?? accepted?.driverId ?? null
}

export function statusOf(trip: Trip): TripStatus {
  if (trip.completed !== null) return 'completed'
  if (trip.cancelled !== null) return 'cancelled'
  if (trip.started !== null) return 'started'
  return trip.accepted !== null ? 'accepted' : 'requested'
}

/** The greatest event the trip has seen. @throws RangeError for NO_TRIP */
export function latestEvent(trip: Trip): Mark {
  let last: Mark | null = trip.requested
  last = later(last, trip.accepted)
  last = later(last, trip.started)
  last = later(last, trip.cancelled)
  last = later(last, trip.completed)
  if (last === null) throw new RangeError('a trip without events has no state')
  return last
}

function later(a: Mark | null, b: Mark | null): Mark | null {
  if (a === null) return b
  return b !== null && isLater(b, a) ? b : a
}
