import {
  growParts,
  NO_PARTS,
  type PartsBytes,
  packParts,
  partName,
  partNameText,
  partsOf,
  serializedOf,
  type ValuePart,
} from '../../topology/index.ts'
import { isLater, type Mark, type TripEvent } from '../events/ride-event.ts'
import { TRIP_EVENT_TYPES, type TripEventType } from '../events/schemas.ts'
import { NO_TRIP, type Trip } from '../trip-state/trip.ts'
import { type TripRow, tripOfRow, tripToRow } from '../trip-state/trip-serde.ts'
import { applyTripEvent, latestEvent } from '../trip-state/trip-state.ts'
import {
  eventOfFormer,
  eventOfPart,
  type FormerEvent,
  keptEvent,
  markOfName,
  partNameOf,
  partTextOf,
  textLengthOf,
} from './kept-event.ts'

/** A trip has some five events. Beyond these bounds (a producer that repeats itself) the earliest are folded into `before`. */
export const MAX_EVENTS = 100
/** Characters of text in the events of one trip, so that a row always fits into a record of its changelog. */
export const MAX_TEXT = 65_536

/** The part without a name: the trip before, and the events of a row that an earlier version wrote. */
type Head = readonly [before: TripRow, events: readonly FormerEvent[]]

/** Decides the place of an event in a history. */
type EventMark = Mark & { readonly type: TripEventType }

interface Parts {
  /** The fold of all earlier events, which are not known one by one (any more). NO_TRIP = there were none. */
  readonly before: Trip
  /** In order. */
  readonly events: readonly TripEvent[]
}

const NO_TIME: Instant = { at: 0, sub: '' }
/** More than the characters of any type: names of parts have one digit for it. */
const MOST_TYPE = Math.max(...TRIP_EVENT_TYPES.map(({ length }) => length))

/*
 * The events of a trip in the order of their times, whatever order they came in: the trip as it was at a time is the fold of
 * those that are not later. It is kept as the bytes of its row, which has a part for each event: most events are the latest of their
 * trip, so their part goes behind the others, and nobody looks at these. Bytes are no work for the garbage collector. Immutable.
 *
 * Invariants:
 * 1. `events` are in order, each (type, timestamp, eventId) once, and all later than everything in `before`.
 * 2. Folding `before` and all events gives the trip of the store trip-state.
 */
export class KeptHistory implements Parts {
  static readonly EMPTY = new KeptHistory(NO_PARTS, 0, NO_TIME)

  /** The form in the store, of which not all is put together yet. */
  readonly parts: PartsBytes
  readonly #count: number
  /** The time of the latest event, when there is one. */
  readonly #at: number
  readonly #sub: string
  #whole: Parts | null = null

  private constructor(parts: PartsBytes, count: number, { at, sub }: Instant) {
    this.parts = parts
    this.#count = count
    this.#at = at
    this.#sub = sub
  }

  static of(parts: Parts): KeptHistory {
    const { before, events } = parts
    const history = new KeptHistory(rowOf(before, events), events.length, events.at(-1) ?? NO_TIME)
    history.#whole = parts
    return history
  }

  /** Reads the names of the parts, and their values when somebody asks. @throws Error when the bytes are not a row */
  static ofRow(row: Buffer): KeptHistory {
    const own = Buffer.from(row)
    let count = 0
    let last = NO_TIME
    for (const { name, value } of partsOf(own)) {
      const marks = name === '' ? headOf(value).events : [markOfName(partNameText(name))]
      for (const mark of marks) {
        if (count === 0 || isAfter(mark, last)) last = mark
        count++
      }
    }
    return new KeptHistory(own, count, last)
  }

  get before(): Trip {
    return this.#known().before
  }

  get events(): readonly TripEvent[] {
    return this.#known().events
  }

  /** With the event behind all others; null when that is not its place, or when there may be no room for it. */
  append(event: TripEvent): KeptHistory | null {
    const { parts } = this
    // Names order events of one instant in another way.
    const isLatest = this.#count > 0 && (event.at > this.#at || (event.at === this.#at && event.sub > this.#sub))
    if (!isLatest && parts !== NO_PARTS) return null
    if (this.#count >= MAX_EVENTS) return null
    const name = partName(partNameOf(event))
    const text = partTextOf(event)
    // Names and JSON have no fewer bytes than their texts have characters, but for the types.
    if (parts.length + name.length + text.length + MOST_TYPE * (this.#count + 1) > MAX_TEXT) return null
    return new KeptHistory(growParts(parts, name, text), this.#count + 1, event)
  }

  /** Not to be changed. */
  toRow(): Buffer {
    return serializedOf(this.parts)
  }

  /** The form that queries show. */
  toJSON(): Parts {
    return this.#known()
  }

  #known(): Parts {
    this.#whole ??= partsIn(this.toRow())
    return this.#whole
  }
}

function rowOf(before: Trip, events: readonly TripEvent[]): Buffer {
  const parts: ValuePart[] = events.map((event) => ({
    name: partName(partNameOf(event)),
    value: Buffer.from(partTextOf(event)),
  }))
  if (!isEmpty(before)) parts.push({ name: '', value: Buffer.from(JSON.stringify([tripToRow(before), []])) })
  return packParts(parts)
}

function partsIn(row: Buffer): Parts {
  let before = NO_TRIP
  const events: TripEvent[] = []
  for (const { name, value } of partsOf(row)) {
    if (name !== '') {
      events.push(eventOfPart(partNameText(name), value.toString('utf8')))
      continue
    }
    const head = headOf(value)
    before = head.before
    events.push(...head.events)
  }
  return { before, events: events.sort((a, b) => (isBefore(a, b) ? -1 : 1)) }
}

function headOf(value: Buffer): Parts {
  const [before, events] = JSON.parse(value.toString('utf8')) as Head
  return { before: tripOfRow(before), events: events.map(eventOfFormer) }
}

/** Begins the history of a trip whose events were not recorded so far. */
export function historyOf(trip: Trip): KeptHistory {
  return trip === NO_TRIP ? KeptHistory.EMPTY : KeptHistory.of({ before: trip, events: [] })
}

/** With one more event; the same object when it is in already. */
export function addEvent(history: KeptHistory, event: TripEvent): KeptHistory {
  const appended = history.append(event)
  if (appended !== null) return appended
  const { before, events } = history
  const until = knownSince(history)
  if (until !== null && !isLater(event, until)) {
    const folded = applyTripEvent(before, event)
    return folded === before ? history : KeptHistory.of({ before: folded, events })
  }
  const at = events.findLastIndex((other) => !isBefore(event, other))
  const other = events[at]
  if (other !== undefined && !isBefore(other, event)) return history
  return KeptHistory.of(bounded({ before, events: events.toSpliced(at + 1, 0, keptEvent(event)) }))
}

/** Everything after this is known event by event, nothing before it; null = everything is. */
export function knownSince({ before }: Pick<KeptHistory, 'before'>): Mark | null {
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
function isBefore(a: EventMark, b: EventMark): boolean {
  if (isLater(b, a)) return true
  return !isLater(a, b) && TRIP_EVENT_TYPES.indexOf(a.type) < TRIP_EVENT_TYPES.indexOf(b.type)
}

function bounded(parts: Parts): Parts {
  const { before, events } = parts
  let text = events.reduce((sum, event) => sum + textLengthOf(event), 0)
  let trip = before
  let cut = 0
  for (const event of events) {
    if (events.length - cut <= MAX_EVENTS && text <= MAX_TEXT) break
    trip = applyTripEvent(trip, event)
    text -= textLengthOf(event)
    cut++
  }
  return cut === 0 ? parts : { before: trip, events: events.slice(cut) }
}
