import type { CommittedIndex, StoreIndexSpec } from '../../topology/index.ts'
import { JsonText } from '../json-text.ts'
import { FIRST_INSTANT, LAST_INSTANT } from '../time/parse-instant.ts'
import { driverOf, statusOf, type Trip, type TripStatus } from './trip.ts'
import { showTrip } from './trip-view.ts'

/*
 * Lists of trips for queries: indexes of the store trip-state, each in the order of time. A trip stands at the time of its request; while
 * no request is known, at that of its earliest known event.
 */

/** Most trips that are read for one answer of a partition, however few of them match: some milliseconds. */
const MAX_READ = 2000

/** The trips of a list, by its name: trips of one status, driver or passenger, or all trips. null: the trip is not in the list. */
const LISTS = {
  'trips-by-status': statusOf,
  'trips-by-driver': driverOf,
  'trips-by-passenger': ({ requested }: Trip) => requested?.passengerId ?? null,
  'trips-by-time': () => '',
} as const satisfies Readonly<Record<string, (trip: Trip) => string | null>>

export type TripList = keyof typeof LISTS

/** Plain data: it crosses threads and instances. Times are inclusive, epoch ms. */
export interface TripListQuestion {
  /** The status, driver or passenger of the list; empty for all trips. */
  readonly of: string
  readonly from: number
  readonly to: number
  /** Further conditions. */
  readonly status: TripStatus | null
  readonly passengerId: string | null
  /** The position after which to begin. */
  readonly after: string | null
  readonly reverse: boolean
  readonly limit: number
}

/** The part of an answer that one partition has. */
export interface TripListPart {
  readonly rows: readonly TripRow[]
  /** The position up to which all matching trips are in `rows`; null: there are no more. */
  readonly end: string | null
}

export interface TripRow {
  /** Place in the list; trips of all partitions sort by it. */
  readonly position: string
  /** The trip as JSON. */
  readonly json: string
}

type Index = CommittedIndex<string, Trip>

function timeOf({ requested, accepted, started, cancelled, completed }: Trip): number {
  if (requested !== null) return requested.at
  const times = [accepted, started, cancelled, completed].flatMap((event) => (event === null ? [] : [event.at]))
  return Math.min(...times)
}

/** Ten characters that sort as the times do, for all years from 0000 to 9999. */
export function timeText(at: number): string {
  const ms = Math.min(LAST_INSTANT, Math.max(FIRST_INSTANT, at)) - FIRST_INSTANT
  return ms.toString(36).padStart(10, '0')
}

/** Ids may hold any character; encoded they hold no bar. */
function termOf(of: string, at: number): string {
  return `${encodeURIComponent(of)}|${timeText(at)}`
}

const text = new JsonText()

/** The answer of one partition; a text, which the asking thread can keep: see partOfText(). */
function listed(index: Index, question: TripListQuestion): string {
  const { of, from, to, status, passengerId, after, reverse, limit } = question
  const positions: string[] = []
  const rows: string[] = []
  let read = 0
  let last: string | null = null
  let end: string | null = null
  for (const entry of index.entries(termOf(of, from), termOf(of, to), { after, reverse })) {
    if (rows.length === limit || read === MAX_READ) {
      end = last
      break
    }
    read++
    last = entry.position
    const row = index.row(entry)
    if (row === null) continue
    const { key: tripId, value: trip } = row
    if (status !== null && statusOf(trip) !== status) continue
    if (passengerId !== null && trip.requested?.passengerId !== passengerId) continue
    showTrip(text, tripId, trip)
    positions.push(entry.position)
    rows.push(text.take())
  }
  return [JSON.stringify({ positions, end }), ...rows].join('\n')
}

/** Reads an answer to a question for a list. */
export function partOfText(answer: string): TripListPart {
  // JSON texts hold no line break.
  const [head = '', ...rows] = answer.split('\n')
  const { positions, end } = JSON.parse(head) as { readonly positions: readonly string[]; readonly end: string | null }
  return { rows: rows.map((json, i) => ({ position: positions[i] ?? '', json })), end }
}

/** For the store trip-state: one index for each list, so that only the lists that are asked for are kept. */
export const tripLists: readonly StoreIndexSpec<string, Trip>[] = Object.entries(LISTS).map(([name, ofTrip]) => ({
  termOf(trip) {
    const of = ofTrip(trip)
    return of === null ? null : termOf(of, timeOf(trip))
  },
  stays: (before, after) => ofTrip(before) === ofTrip(after) && timeOf(before) === timeOf(after),
  questions: { [name]: (index, question) => listed(index, question as TripListQuestion) },
}))
