import type { Point } from '../geo/great-circle.ts'

export const MAX_OFFERS = 10

/** A driver who could take the trip. */
export interface Candidate extends Point {
  readonly driverId: string
  readonly distanceMeters: number
  /** When the driver was there, epoch ms. */
  readonly at: number
}

/**
 * The nearest ones, ties by driverId. A driver on the way from one area to another may be found in both for a moment: the later
 * position counts. Whatever the order they come in, the answer is the same.
 */
export function nearest(candidates: Iterable<Candidate>): readonly Candidate[] {
  const byDriver = new Map<string, Candidate>()
  for (const candidate of candidates) {
    const known = byDriver.get(candidate.driverId)
    if (known === undefined || isBetterKnown(candidate, known)) byDriver.set(candidate.driverId, candidate)
  }
  return [...byDriver.values()].sort(byDistance).slice(0, MAX_OFFERS)
}

function isBetterKnown(a: Candidate, b: Candidate): boolean {
  return a.at === b.at ? a.distanceMeters < b.distanceMeters : a.at > b.at
}

function byDistance(a: Candidate, b: Candidate): number {
  return a.distanceMeters - b.distanceMeters || (a.driverId < b.driverId ? -1 : 1)
}
