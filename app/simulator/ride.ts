import type { Point } from '../../processors/geo/great-circle.ts'

/** A place as the passenger's app knows it. */
export interface Stop extends Point {
  readonly address: string
  /** false: the record of the ride names an unknown zone, and the events carry no position. */
  readonly known: boolean
}

/** The course of one ride, planned in advance. All times in epoch ms. */
export interface Ride {
  /** Position among the rides of its source; seeds the ride's own random numbers. */
  readonly index: number
  readonly tripId: string
  readonly passengerId: string
  /** null: no driver took it (then it is cancelled). */
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
  /** The driver waits for the next ride until then, and sends positions. */
  readonly idleUntil: number
  /** No ride follows soon: the driver goes offline at idleUntil. */
  readonly offlineAfter: boolean
}

/** Probabilities of mishaps on the way of an event: shares in [0, 1]. */
export interface Mishaps {
  /** Share delivered seconds late. */
  readonly late: number
  /** Share delivered twice. */
  readonly twice: number
  /** Share destroyed: delivered as an invalid event. */
  readonly malformed: number
}
