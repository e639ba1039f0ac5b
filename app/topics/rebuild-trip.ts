import { isLater, type TripEvent } from '../../processors/events/ride-event.ts'
import { formatInstant } from '../../processors/time/format-instant.ts'
import { foldTrip, type TripState, tripStateOf } from '../../processors/trip-state/trip-state.ts'
import type { LogAdmin, LogReader } from '../../runtime/index.ts'
import { readEventsOn } from '../events/read-events.ts'

export interface RebuildTripOptions {
  readonly admin: LogAdmin
  readonly reader: LogReader
  readonly tripId: string
  readonly onProgress?: (done: number, all: number) => void
}

export interface ListedEvent {
  readonly timestamp: string
  readonly eventType: string
  readonly eventId: string
  readonly partition: number
  readonly offset: number
  /** False: a later event of the same type, or the same event again, replaced it. */
  readonly counts: boolean
  readonly data: unknown
}

export interface RebuiltTrip {
  /** null: no event of that trip. */
  readonly state: TripState | null
  /** In order of time. */
  readonly events: readonly ListedEvent[]
  /** Records with the trip's key that are no valid events. */
  readonly invalid: number
}

interface Found {
  readonly event: TripEvent
  readonly partition: number
  readonly offset: number
}

/** CQRS: the state of a trip from the events themselves, no store involved. Throws MissingTopicError. */
export async function rebuildTrip(options: RebuildTripOptions): Promise<RebuiltTrip> {
  const { tripId, onProgress } = options
  const found: Found[] = []
  let invalid = 0
  for await (const received of readEventsOn(options, 'trip.*', { key: tripId, onProgress })) {
    const { partition, record } = received
    if (received.kind === 'invalid') invalid++
    else found.push({ event: received.event as TripEvent, partition, offset: record.offset })
  }
  const trip = foldTrip(found.map(({ event }) => event))
  const kept = trip === null ? [] : Object.values(trip)
  const seen = new Set<string>()
  const events = found
    .sort((a, b) => order(a.event, b.event))
    .map(({ event, partition, offset }): ListedEvent => {
      const isKept = kept.some((mark) => mark !== null && order(mark, event) === 0)
      const counts = isKept && !seen.has(event.type)
      if (counts) seen.add(event.type)
      const { type: eventType, eventId, data } = event
      return { timestamp: formatInstant(event.at), eventType, eventId, partition, offset, counts, data }
    })
  return { state: trip === null ? null : tripStateOf(tripId, trip), events, invalid }
}

const order = (a: Parameters<typeof isLater>[0], b: Parameters<typeof isLater>[0]): number =>
  isLater(a, b) ? 1 : isLater(b, a) ? -1 : 0
