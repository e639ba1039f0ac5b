import type { CommittedIndex, StoreIndexSpec } from '../../topology/index.ts'
import type { Cents } from '../money.ts'
import type { Trip } from './trip.ts'
import { timeText } from './trip-lists.ts'

/*
 * Fares for queries: an index of the store trip-state by the time of completion, since a trip counts in the hour of that time. The lists
 * of trips are in the order of requests, and a trip may be completed any time after, or by its clock before, its request.
 */

/** Answered by FaresAnswer for FaresQuestion. */
export const FARES_BY_COMPLETION = 'fares-by-completion'

/** Most trips that are read for one answer of a partition: some milliseconds. */
const MAX_READ = 2000

/** Plain data: it crosses threads. Times of completion are inclusive, epoch ms. */
export interface FaresQuestion {
  readonly from: number
  readonly to: number
  /** `end` of the answer before. */
  readonly after: string | null
}

export interface FaresAnswer {
  readonly fares: readonly TripFare[]
  /** The position up to which all trips are in `fares`; null: there are no more. */
  readonly end: string | null
}

/** The fare of a completed trip, and where it began: null while no request is known. */
export interface TripFare {
  readonly cents: Cents
  readonly pickup: { readonly lat: number; readonly lng: number } | null
}

function faresOf(index: CommittedIndex<string, Trip>, { from, to, after }: FaresQuestion): FaresAnswer {
  const fares: TripFare[] = []
  let read = 0
  let last: string | null = null
  for (const entry of index.entries(timeText(from), timeText(to), { after })) {
    if (read++ === MAX_READ) return { fares, end: last }
    last = entry.position
    const trip = index.row(entry)?.value
    if (trip == null || trip.completed === null) continue
    const pickup = trip.requested === null ? null : trip.requested.pickup
    fares.push({ cents: trip.completed.finalFare, pickup: pickup && { lat: pickup.lat, lng: pickup.lng } })
  }
  return { fares, end: null }
}

/** For the store trip-state. */
export const fareIndex: StoreIndexSpec<string, Trip> = {
  termOf: ({ completed }) => (completed === null ? null : timeText(completed.completedAt)),
  stays: (before, after) => before.completed?.completedAt === after.completed?.completedAt,
  questions: { [FARES_BY_COMPLETION]: (index, question) => faresOf(index, question as FaresQuestion) },
}
