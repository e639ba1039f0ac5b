import type { TripEvent } from '../../processors/events/ride-event.ts'
import { isLater } from '../../processors/events/ride-event.ts'
import { tripClock } from '../../processors/events/trip-clock.ts'
import { addEvent, historyOf, type KeptHistory, knownSince } from '../../processors/trip-history/trip-history.ts'
import { tripHistorySerde } from '../../processors/trip-history/trip-history-serde.ts'
import { NO_TRIP, type Trip } from '../../processors/trip-state/trip.ts'
import { tripSerde } from '../../processors/trip-state/trip-serde.ts'
import { applyTripEvent } from '../../processors/trip-state/trip-state.ts'
import type { Differences } from './differences.ts'
import { LatestValues } from './latest-values.ts'

export interface HistoryFoldOptions {
  readonly changelog: string
  /** How long after the last event a history is kept, ms; < 0 = for ever. */
  readonly retentionMs: number
}

interface Folded {
  readonly history: KeptHistory
  /** It was kept at least until this and the retention had passed. */
  readonly at: number
}

/*
 * The histories of the trips of one partition.
 * 1. One that may have expired may be missing.
 * 2. One that begins in the middle (it expired once, the processor came later, events are gone) must hold all that is left
 *    behind its beginning, and fold to the trip; it counts as unjudged.
 */
export class HistoryFold {
  readonly #options: HistoryFoldOptions
  readonly #histories = new Map<string, Folded>()
  readonly #streamTime = new GreatestAgreed()

  constructor(options: HistoryFoldOptions) {
    this.#options = options
  }

  add(event: TripEvent, timestamp: number): void {
    const { tripId } = event.data
    const before = this.#histories.get(tripId) ?? { history: historyOf(NO_TRIP), at: 0 }
    const at = Math.max(before.at, Math.min(event.at, timestamp))
    this.#histories.set(tripId, { history: addEvent(before.history, event), at })
    this.#streamTime.observe(tripClock.deviceOf(tripId, event), event.at)
  }

  store(): LatestValues {
    return new LatestValues({
      topic: this.#options.changelog,
      expected: (tripId) => {
        const folded = this.#histories.get(tripId)
        return folded === undefined ? null : text(folded.history)
      },
      canonical: (bytes) => tripHistorySerde.serialize('', tripHistorySerde.deserialize('', bytes)),
    })
  }

  /** `trips`: as far as they are known, from the store where events are gone. */
  report(rows: LatestValues, differences: Differences, trips: ReadonlyMap<string, Trip>): void {
    const excuse = (tripId: string, found: string | null): boolean => {
      const isExcused = found === null ? this.#mayHaveExpired(tripId) : this.#isLaterPart(tripId, found, trips)
      if (isExcused) differences.unjudged(this.#options.changelog)
      return isExcused
    }
    rows.report(differences, this.#histories.keys(), excuse, (tripId) => this.#mayHaveExpired(tripId))
  }

  #mayHaveExpired(tripId: string): boolean {
    const { retentionMs } = this.#options
    const at = this.#histories.get(tripId)?.at ?? -1
    // By stream time in the store, by the clock in its changelog.
    return retentionMs >= 0 && at < Math.max(this.#streamTime.value, Date.now()) - retentionMs
  }

  /** Invariant 2. */
  #isLaterPart(tripId: string, found: string, trips: ReadonlyMap<string, Trip>): boolean {
    let kept: KeptHistory
    try {
      kept = tripHistorySerde.deserialize('', Buffer.from(found))
    } catch {
      // No history at all: it differs.
      return false
    }
    const trip = trips.get(tripId)
    if (trip === undefined || String(tripSerde.serialize('', trip)) !== folded(kept)) return false
    const since = knownSince(kept)
    const keys = new Set(kept.events.map(nameOf))
    const left = this.#histories.get(tripId)?.history.events ?? []
    return left.every((event) => keys.has(nameOf(event)) || (since !== null && !isLater(event, since)))
  }
}

const text = (history: KeptHistory): string => String(tripHistorySerde.serialize('', history))

const folded = ({ before, events }: KeptHistory): string =>
  String(tripSerde.serialize('', events.reduce(applyTripEvent, before)))

const nameOf = ({ type, at, sub, eventId }: TripEvent): string => JSON.stringify([type, at, sub, eventId])

/** The greatest time that two devices have reached in any order: stream time was never beyond it. */
class GreatestAgreed {
  #first = { device: '', at: -1 }
  value = -1

  observe(device: string | null, at: number): void {
    if (device === null) return
    if (device !== this.#first.device) this.value = Math.max(this.value, Math.min(at, this.#first.at))
    if (at > this.#first.at) this.#first = { device, at }
  }
}
