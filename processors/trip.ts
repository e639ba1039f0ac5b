import type { Mark } from './events/ride-event.ts'
import type { Cents } from './money.ts'

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

/** Of trip.accepted and trip.started. */
export interface KeptDriver extends Mark {
  readonly driverId: string | null
}

export interface KeptCompletion extends Mark {
  readonly driverId: string | null
  readonly finalFare: Cents
  /** data.completedAt, else the event's timestamp; epoch ms. */
  readonly completedAt: number
}

/** What the store trip-state holds: the kept events, immutable. At least one is there. */
export interface Trip {
  readonly requested: KeptRequest | null
  readonly accepted: KeptDriver | null
  readonly started: KeptDriver | null
  readonly cancelled: Mark | null
  readonly completed: KeptCompletion | null
}

export const NO_TRIP: Trip = { requested: null, accepted: null, started: null, cancelled: null, completed: null }
