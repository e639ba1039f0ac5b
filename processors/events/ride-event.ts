import type { Cents } from '../money.ts'
import type { EventData, EventType, TripEventType } from './schemas.ts'

/** The place of an event in time: instants compare exactly, equal ones by eventId. */
export interface Mark {
  /** Epoch ms, rounded down. */
  readonly at: number
  /** Digits below the millisecond without trailing zeros, '' for none. */
  readonly sub: string
  readonly eventId: string
}

/** A valid event, as the processors see it. */
export interface RideEvent<T extends EventType = EventType> extends Mark {
  readonly type: T
  readonly correlationId: string | null
  /** The parsed data; it may have extra fields, which are ignored. */
  readonly data: EventData[T]
  /** estimatedFare or finalFare to the cent; null for events without one. */
  readonly fare: Cents | null
  /** data.completedAt in epoch ms, null when absent. */
  readonly completedAt: number | null
}

/** Narrows by `type`. */
export type AnyEvent = { [T in EventType]: RideEvent<T> }[EventType]
export type TripEvent = { [T in TripEventType]: RideEvent<T> }[TripEventType]
export type DriverEvent = RideEvent<'driver.location.updated'>

/** Order of (timestamp, eventId): is `a` greater than `b`? eventIds compare by UTF-16 code unit. */
export function isLater(a: Mark, b: Mark): boolean {
  if (a.at !== b.at) return a.at > b.at
  if (a.sub !== b.sub) return a.sub > b.sub
  return a.eventId > b.eventId
}

/**
 * Time of the record that carries the event, epoch ms: the record's own. A producer that sets none, or one before 1970, leaves that to
 * the event, which has a time of its own; Kafka has no record timestamps before 1970.
 */
export function recordTimeOf(event: Pick<Mark, 'at'>, timestamp: number): number {
  return timestamp >= 0 ? timestamp : Math.max(0, event.at)
}
