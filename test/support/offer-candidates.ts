import type { Point } from '../../processors/geo/great-circle.ts'
import { NUMBERS } from '../../processors/trip-offers/driver-table.ts'
import type { FoundDrivers } from '../../processors/trip-offers/found-batch.ts'
import type { Nearest } from '../../processors/trip-offers/nearest.ts'
import { MAX_OFFERS } from '../../processors/trip-offers/offer.ts'

/** A driver who could take the trip. */
export interface Candidate extends Point {
  readonly driverId: string
  readonly distanceMeters: number
}

/** The answer of a search. */
export function candidatesOf(nearest: Nearest): Candidate[] {
  const { ids, numbers } = nearest.table
  return Array.from(nearest.slots.subarray(0, nearest.length), (slot, i) => ({
    driverId: ids[slot] as string,
    distanceMeters: nearest.distance(i),
    lat: numbers[slot * NUMBERS] as number,
    lng: numbers[slot * NUMBERS + 1] as number,
  }))
}

/** The nearest of all answers for the next request. */
export function nextCandidates(found: FoundDrivers): Candidate[] {
  const all: Candidate[] = []
  for (let next = found.begin(); next !== null && all.length < MAX_OFFERS; next = found.next()) {
    const { driverId, distance, lat, lng } = next
    all.push({ driverId, distanceMeters: distance, lat, lng })
  }
  return all
}
