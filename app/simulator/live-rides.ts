import type { EventData, EventEnvelope, EventType } from '../../processors/events/schemas.ts'
import { formatInstant } from '../../processors/time/format-instant.ts'
import { Random } from './random.ts'
import { readRecordedData, type Zone } from './recorded-data.ts'
import type { Mishaps, Ride } from './ride.ts'
import { DRIVER_SERVICE, rideHappenings, type StoryOptions, TRIP_SERVICE } from './ride-events.ts'
import type { Happening, Payload, SimulatedEvent } from './simulated-event.ts'
import { type Pace, syntheticPlan } from './synthetic-rides.ts'
import { type TimedStory, timeline } from './timeline.ts'

export interface LiveRidesOptions {
  readonly seed: number
  /** Default 150: some 25 rides a minute, and 30 events a second. */
  readonly drivers?: number
  /** Epoch ms: no event is earlier. */
  readonly startAt: number
}

const DRIVERS = 150
const PING_SECONDS = 5
/** Drivers were at work that long before the beginning: from the first second the city is as it will be. */
const LEAD_MS = 900_000
/** Rides that are planned in one go: some milliseconds. */
const RIDES_AT_ONCE = 1000
/** Nothing is late: the latency that a viewer sees is the application's. Some events are broken, for the dead letters. */
export const LIVE_MISHAPS: Mishaps = { late: 0, twice: 0, malformed: 0.0005 }
/** Short rides: a viewer sees the first one end within two or three minutes. */
const SHORT_RIDES: Pace = {
  acceptance: [2000, 10_000],
  approach: [20_000, 100_000],
  pause: [20_000, 90_000],
  baseSeconds: 30,
  choices: 60,
}

/**
 * Made-up rides that begin at an instant and never end. Rides that began earlier give positions of their drivers only. Many drivers
 * have many of these to plan: after each thousand `pause` is awaited. When it answers false, there are no events.
 */
export async function liveRides(
  options: LiveRidesOptions,
  pause: () => Promise<boolean>,
  zones: readonly Zone[] = [...readRecordedData().zones.values()],
): Promise<Iterable<SimulatedEvent>> {
  const { seed, drivers = DRIVERS, startAt } = options
  // Two beginnings of one seed are two days in the city: neither trips nor events have the same ids.
  const daySeed = new Random(seed, startAt).integer(0, 2 ** 32 - 1)
  const story = { seed: daySeed, mishaps: LIVE_MISHAPS, pingSeconds: PING_SECONDS }

  const coming = stories()
  const planned: TimedStory[] = []
  for (let rides = 1; ; rides++) {
    const { value } = coming.next()
    if (value !== null) planned.push(value)
    if (value !== null && value.from >= startAt) return timeline(inOrder(planned, coming))
    if (rides % RIDES_AT_ONCE === 0 && !(await pause())) return []
  }

  /** Null: a ride that is over before the beginning. */
  function* stories(): Generator<TimedStory | null, null> {
    const plan = { seed: daySeed, trips: Number.POSITIVE_INFINITY, drivers, startAt: startAt - LEAD_MS }
    for (const planned of syntheticPlan({ ...plan, pace: SHORT_RIDES }, zones)) {
      const ride = { ...planned, tripId: `live-${startAt.toString(36)}-${planned.index + 1}` }
      const { requestedAt } = ride
      if (requestedAt >= startAt) yield { from: requestedAt, happenings: () => rideHappenings(ride, story) }
      else yield ride.idleUntil > startAt ? underWay(ride, story, startAt) : null
    }
    return null
  }
}

function* inOrder(planned: readonly TimedStory[], coming: Iterable<TimedStory | null>): Generator<TimedStory> {
  yield* planned
  for (const story of coming) if (story !== null) yield story
}

/** The rest of a ride that began before; null: nothing of it is left. */
function underWay(ride: Ride, story: StoryOptions, from: number): TimedStory | null {
  const pings = laterPings(ride, story, from)
  // Here rather than when the story is asked for: all the rides under way are asked for at once.
  const first = pings.next()
  return first.done === true ? null : { from: ride.requestedAt, happenings: () => continued(first.value, pings) }
}

function* continued(first: Happening, rest: Generator<Happening>): Generator<Happening> {
  yield first
  yield* rest
}

function* laterPings(ride: Ride, story: StoryOptions, from: number): Generator<Happening> {
  for (const happening of rideHappenings(ride, story)) {
    const { at, payload } = happening
    const topic = payload.kind === 'raw' ? payload.topic : payload.envelope.eventType
    if (at >= from && topic === 'driver.location.updated') yield happening
  }
}

/**
 * Owns which rides and drivers are under way, as the valid events that were sent say.
 * 1. A trip is open from its first event until it is completed or cancelled.
 * 2. A driver is at work from the first position on, at the last one.
 */
export class UnderWay {
  readonly #trips = new Set<string>()
  readonly #positions = new Map<string, EventData['driver.location.updated']>()
  #rides = 0

  /** Rides that were requested. */
  get rides(): number {
    return this.#rides
  }

  add(payload: Payload): void {
    if (payload.kind === 'raw') return
    const { eventType, data } = payload.envelope
    if (eventType === 'driver.location.updated') {
      const position = data as EventData['driver.location.updated']
      this.#positions.set(position.driverId, position)
      return
    }
    const { tripId } = data as EventData['trip.requested']
    if (eventType === 'trip.requested') this.#rides++
    if (eventType === 'trip.completed' || eventType === 'trip.cancelled') this.#trips.delete(tripId)
    else this.#trips.add(tripId)
  }

  /** The events that end them all: open trips are cancelled, drivers go offline. */
  *ending(at: number, random: Random): Generator<Payload> {
    for (const tripId of this.#trips) {
      const data = { tripId, cancelledBy: 'system', reason: 'the simulation has ended' }
      yield event('trip.cancelled', data, at, { random, metadata: TRIP_SERVICE })
    }
    for (const { driverId, location } of this.#positions.values()) {
      const data = { driverId, location, speed: 0, status: 'offline' as const }
      yield event('driver.location.updated', data, at, { random, metadata: DRIVER_SERVICE })
    }
    this.#trips.clear()
    this.#positions.clear()
  }
}

function event<T extends EventType>(
  eventType: T,
  data: EventData[T],
  at: number,
  { random, metadata }: { readonly random: Random; readonly metadata: EventEnvelope['metadata'] },
): Payload {
  const head = { eventId: random.uuid(), eventType, eventVersion: '1.0', timestamp: formatInstant(at) }
  return { kind: 'event', envelope: { ...head, data, ...(metadata && { metadata }) } as EventEnvelope, timestamp: at }
}
