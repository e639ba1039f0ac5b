import type { Point } from '../geo/great-circle.ts'

export const MAX_OFFERS = 10
export const OFFER_RADIUS_M = 5000

/** A driver who could take the trip. */
export interface Candidate extends Point {
  readonly driverId: string
  readonly distanceMeters: number
}
