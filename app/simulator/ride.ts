import type { Point } from './geo.ts'

/** A place as the app of the passenger knows it. */
export interface Stop extends Point {
  readonly address: string
  /** false: the record of the ride names a zone that nobody knows. The events carry no position then. */
  readonly known: boolean
}

/** The course of one ride, planned in advance. All times in epoch ms. */
export interface Ride {
  /** Position among the rides of its source; seeds the ride's own random numbers. */
  readonly index: number
  readonly tripId: string
  readonly passengerId: string
  /** null: nobody took it (then it is cancelled). */
  readonly driverId: string | null
  readonly vehicleType: string
  /** Where the driver comes from. */
  readonly origin: Point
  readonly pickup: Stop
  readonly dropoff: Stop
  readonly requestedAt: number
  /** Meaningless when driverId is null. */
  readonly acceptedAt: number
  readonly startedAt: number
  readonly completedAt: number
  /** A cancelled ride has not started. */
  readonly cancelled: { readonly at: number; readonly by: string; readonly reason: string } | null
  readonly estimatedFare: number
  readonly finalFare: number
  readonly distanceMeters: number
  /** A second trip.completed that corrects the fare; not before idleUntil. */
  readonly correction: { readonly at: number; readonly finalFare: number } | null
  /** The driver waits for the next ride until then, and reports it. */
  readonly idleUntil: number
  /** Nothing follows for this driver soon: goes offline at idleUntil. */
  readonly offlineAfter: boolean
}

/** How often things go wrong on the way of an event: shares in [0, 1]. */
export interface Mishaps {
  /** Delivered seconds after it happened. */
  readonly late: number
  /** Delivered twice. */
  readonly twice: number
  /** Destroyed: delivered as something that is no valid event. */
  readonly malformed: number
}
