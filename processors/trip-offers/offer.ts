import type { Point } from '../geo/great-circle.ts'

export const MAX_OFFERS = 10
export const OFFER_RADIUS_M = 5000

/** A driver who could take the trip. */
export interface Candidate extends Point {
  readonly driverId: string
  readonly distanceMeters: number
}

/**
 * Candidates, nearest first, ties by driverId in UTF-16 code units; one number or id of each in every list. Most are looked at for
 * moments only, and objects of them would be most of the garbage of a request. The lists keep what was in them behind `length`.
 */
export class Nearest {
  length = 0
  readonly driverIds: string[] = []
  /** Metres. */
  readonly distances: number[] = []
  readonly lats: number[] = []
  readonly lngs: number[] = []

  clear(): void {
    this.length = 0
  }

  /** Puts one in its place, and drops the last of more than MAX_OFFERS. */
  add(driverId: string, distance: number, lat: number, lng: number): void {
    const { driverIds, distances, lats, lngs } = this
    let at = this.length
    while (at > 0 && isNearer(distance, driverId, distances[at - 1] as number, driverIds[at - 1] as string)) at--
    if (at === MAX_OFFERS) return
    if (this.length < MAX_OFFERS) this.length++
    for (let i = this.length - 1; i > at; i--) {
      driverIds[i] = driverIds[i - 1] as string
      distances[i] = distances[i - 1] as number
      lats[i] = lats[i - 1] as number
      lngs[i] = lngs[i - 1] as number
    }
    driverIds[at] = driverId
    distances[at] = distance
    lats[at] = lat
    lngs[at] = lng
  }

  toCandidates(): Candidate[] {
    return Array.from({ length: this.length }, (_, i) => ({
      driverId: this.driverIds[i] as string,
      distanceMeters: this.distances[i] as number,
      lat: this.lats[i] as number,
      lng: this.lngs[i] as number,
    }))
  }
}

function isNearer(distance: number, driverId: string, thanDistance: number, thanDriverId: string): boolean {
  return distance === thanDistance ? driverId < thanDriverId : distance < thanDistance
}
