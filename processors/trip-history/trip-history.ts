import { isLater, type Mark, type TripEvent } from '../events/ride-event.ts'
import { TRIP_EVENT_TYPES } from '../events/schemas.ts'
import { NO_TRIP, type Trip } from '../trip-state/trip.ts'
import { applyTripEvent, latestEvent } from '../trip-state/trip-state.ts'
import { keptEvent, rowTextOf, textLengthOf } from './kept-event.ts'

/*
 * The events of a trip in the order of their times, whatever order they came in: the trip as it was at a time is the fold of
 * those that are not later.
 *
 * Invariants:
 * 1. `events` are in order, each (type, timestamp, eventId) once, and all later than everything in `before`.
 * 2. Folding `before` and all events gives the trip of the store trip-state.
 */
export interface KeptHistory {
  /** The fold of all earlier events, which are not known one by one (any more). NO_TRIP = there were none. */
  readonly before: Trip
  /** Each one made by keptEvent(). */
  readonly events: readonly TripEvent[]
}

/** A trip has some five events. Beyond these bounds (a producer that repeats itself) the earliest are folded into `before`. */
export const MAX_EVENTS = 100
/** Characters of text in the events of one trip, so that a row always fits into a record of its changelog. */
export const MAX_TEXT = 65_536

/** Begins the history of a trip whose events were not recorded so far. */
export function historyOf(trip: Trip): KeptHistory {
  return { before: trip, events: [] }
}

/** With one more event; the same object when it is in already. */
export function addEvent(history: KeptHistory, event: TripEvent): KeptHistory {
  const { before, events } = history
  const until = knownSince(history)
  if (until !== null && !isLater(event, until)) {
    const folded = applyTripEvent(before, event)
    return folded === before ? history : { before: folded, events }
  }
  const at = events.findLastIndex((other) => !isBefore(event, other))
  const other = events[at]
  if (other !== undefined && !isBefore(other, event)) return history
  return bounded({ before, events: events.toSpliced(at + 1, 0, keptEvent(event)) })
}

/** Everything after this is known event by event, nothing before it; null = everything is. */
export function knownSince({ before }: KeptHistory): Mark | null {
  return before === NO_TRIP || isEmpty(before) ? null : latestEvent(before)
}

/** An instant to the last digit. */
export type Instant = Pick<Mark, 'at' | 'sub'>

/** The trip at that time; null = nothing had happened yet; 'unknown' = its events up to then are gone. */
export function tripAsOf(history: KeptHistory, time: Instant): Trip | null | 'unknown' {
  const since = knownSince(history)
  if (since !== null && isAfter(since, time)) return 'unknown'
  let trip = history.before
  for (const event of history.events) if (!isAfter(event, time)) trip = applyTripEvent(trip, event)
  return isEmpty(trip) ? null : trip
}

function isEmpty({ requested, accepted, started, cancelled, completed }: Trip): boolean {
  return requested === null && accepted === null && started === null && cancelled === null && completed === null
}

function isAfter(a: Instant, b: Instant): boolean {
  return a.at === b.at ? a.sub > b.sub : a.at > b.at
}

/**
 * Equal marks of different types (a producer reuses eventIds) are ordered by type, so that every order of arrival gives one list.
 */
function isBefore(a: TripEvent, b: TripEvent): boolean {
  if (isLater(b, a)) return true
  return !isLater(a, b) && TRIP_EVENT_TYPES.indexOf(a.type) < TRIP_EVENT_TYPES.indexOf(b.type)
}

function bounded(history: KeptHistory): KeptHistory {
  const { before, events } = history
  if (events.length <= MAX_EVENTS && isShort(events)) return history
  let text = events.reduce((sum, event) => sum + textLengthOf(event), 0)
  let trip = before
  let cut = 0
  for (const event of events) {
    if (events.length - cut <= MAX_EVENTS && text <= MAX_TEXT) break
    trip = applyTripEvent(trip, event)
    text -= textLengthOf(event)
    cut++
  }
  return cut === 0 ? history : { before: trip, events: events.slice(cut) }
}

/** Their JSON, which is written anyway, has no more characters than may be text; so there is no need to look into them. */
function isShort(events: readonly TripEvent[]): boolean {
  let length = 0
  for (const event of events) length += rowTextOf(event).length
  return length <= MAX_TEXT
}
