import type { TripEvent } from '../../processors/events/ride-event.ts'
import { isLater } from '../../processors/events/ride-event.ts'
import { tripClock } from '../../processors/events/trip-clock.ts'
import { partNameOf, partTextOf } from '../../processors/trip-history/kept-event.ts'
import { addEvent, historyOf, type KeptHistory, knownSince } from '../../processors/trip-history/trip-history.ts'
import { tripHistorySerde } from '../../processors/trip-history/trip-history-serde.ts'
import { NO_TRIP, type Trip } from '../../processors/trip-state/trip.ts'
import { tripSerde, tripToRow } from '../../processors/trip-state/trip-serde.ts'
import { applyTripEvent } from '../../processors/trip-state/trip-state.ts'
import type { LogRecord } from '../../runtime/index.ts'
import { fromBinary, takePart, toBinary } from '../../state/index.ts'
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

  store(): HistoryRows {
    return new HistoryRows()
  }

  /** `trips`: as far as they are known, from the store where events are gone. */
  report(found: HistoryRows, differences: Differences, trips: ReadonlyMap<string, Trip>): void {
    const { changelog } = this.#options
    const rows = new LatestValues({
      topic: changelog,
      expected: (tripId) => {
        const folded = this.#histories.get(tripId)
        return folded === undefined ? null : text(folded.history)
      },
      canonical: (bytes) => text(tripHistorySerde.deserialize('', bytes)),
    })
    for (const row of found) rows.add(row)
    const excuse = (tripId: string): boolean => {
      const row = found.of(tripId)
      const isExcused = row === null ? this.#mayHaveExpired(tripId) : this.#isLaterPart(tripId, row, trips)
      if (isExcused) differences.unjudged(changelog)
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
  #isLaterPart(tripId: string, found: Buffer, trips: ReadonlyMap<string, Trip>): boolean {
    let kept: KeptHistory
    try {
      kept = tripHistorySerde.deserialize('', found)
      text(kept)
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

/** The changelog of one partition, whose records are parts, as rows. */
class HistoryRows {
  readonly #rows = new Map<string, Buffer | null>()

  add({ key, value }: Pick<LogRecord, 'key' | 'value'>): void {
    takePart(this.#rows, key ?? NO_KEY, value)
  }

  /** null: there is no row of that trip. */
  of(tripId: string): Buffer | null {
    return this.#rows.get(toBinary(tripId)) ?? null
  }

  /** A null stands for a row that was there once. */
  *[Symbol.iterator](): Generator<Pick<LogRecord, 'key' | 'value'>> {
    for (const [key, value] of this.#rows) yield { key: fromBinary(key), value }
  }
}

const NO_KEY = Buffer.alloc(0)

/** A history as the report shows it, in one form whatever the form of its row. @throws Error when the row is no history */
function text({ before, events }: KeptHistory): string {
  return JSON.stringify([tripToRow(before), events.map((event) => [partNameOf(event), partTextOf(event)])])
}

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
