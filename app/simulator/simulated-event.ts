import type { EventEnvelope, EventType } from '../../processors/events/schemas.ts'

/** Bytes that are no valid event, and go out as they are. */
export interface RawRecord {
  readonly topic: EventType
  readonly key: string | null
  readonly value: string | null
  /** Epoch ms. */
  readonly timestamp: number
}

/** One thing to send: a typed event, or a raw record. */
export type Payload =
  | { readonly kind: 'event'; readonly envelope: EventEnvelope; readonly timestamp: number }
  | ({ readonly kind: 'raw' } & RawRecord)

/** A payload when it leaves its service, in simulated time. */
export interface SimulatedEvent {
  /** Epoch ms, never decreasing in a stream; the timestamp of the payload or later. */
  readonly releaseAt: number
  readonly payload: Payload
  /** Rides of the stream that have begun by now. */
  readonly rides: number
}

/** A payload at its timestamp, and its mishaps on the way. */
export interface Happening {
  readonly at: number
  readonly payload: Payload
  /** ms; 0 = in time. */
  readonly lateBy: number
  /** Sent again so many ms after its first time; 0 = once. */
  readonly againAfter: number
}

export interface RideSource {
  readonly name: 'nyc' | 'synthetic'
  /** The same text stands for the same stream of events. */
  readonly identity: string
  /** Rides in the stream, including those that get cancelled. */
  readonly rides: number
  /** Always the same events, from the beginning. */
  events(): Iterable<SimulatedEvent>
}
